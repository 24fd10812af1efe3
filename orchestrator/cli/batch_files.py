"""Prompts and answers as JSON lines, CSV and Parquet: read and written as streams.

A prompt is a line of OpenAI's batch input, or a row with ``prompt`` (or ``messages``) and perhaps ``id``,
``system`` and ``model``. What is sent is always OpenAI's.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

FORMATS = (".jsonl", ".csv", ".parquet")
COLUMNS = ("id", "answer", "expert", "error", "cost_usd")
_ROWS_AT_ONCE = 1000

Row = dict[str, Any]


class PromptsInvalid(Exception):
    """The prompts cannot be used; says which and why."""


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a file with their numbers from 1.

    Raises:
        PromptsInvalid: If the file is not of its format.
        ImportError: If it is Parquet, and pyarrow is not installed.
    """
    readers = {".jsonl": _json_lines, ".csv": _csv_rows, ".parquet": _parquet_rows}
    reader = readers.get(path.suffix)
    if reader is None:
        raise PromptsInvalid(f"{path.name}: the name must end with {', '.join(FORMATS)}")
    yield from reader(path)


def write_requests(
    rows: Iterator[tuple[int, Row]], to: IO[bytes], *, model: str | None, system: str | None
) -> int:
    """Write rows as a batch's input; returns how many.

    Args:
        rows: With their numbers.
        to: Where to.
        model: Of those that name none; ``None``: ``coe``.
        system: System prompt of those that are prompts and have none.

    Raises:
        PromptsInvalid: If a row is no prompt.
    """
    count = 0
    for number, row in rows:
        line = _request(number, row, model, system)
        to.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        count += 1
    return count


def write_answers(lines: Iterator[bytes], path: Path) -> None:
    """Write a batch's results to a file of the format that its name says.

    Raises:
        ImportError: If it is Parquet, and pyarrow is not installed.
    """
    writers: Mapping[str, Callable[[Iterator[bytes], Path], None]] = {
        ".csv": _write_csv,
        ".parquet": _write_parquet,
    }
    part = path.with_name(f"{path.name}.part")
    writers.get(path.suffix, _write_lines)(lines, part)
    part.replace(path)


def lines_of(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of what comes in pieces."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest


def answer_row(line: bytes) -> Row:
    """Return a line of a batch's results as a row of :data:`COLUMNS`."""
    result = json.loads(line)
    response, extra = result.get("response") or {}, result.get("coe") or {}
    body = response.get("body") or {}
    error = result.get("error") or (body.get("error") if isinstance(body, dict) else None)
    return {
        "id": result["custom_id"],
        "answer": None if error else _answer(body),
        "expert": extra.get("expert"),
        "error": None if not error else f"{error.get('code')}: {error.get('message')}",
        "cost_usd": extra.get("cost_usd"),
    }


def _answer(body: Mapping[str, Any]) -> str | None:
    choices = body.get("choices")
    if not choices:
        return json.dumps(body, ensure_ascii=False)
    message = choices[0].get("message") or {}
    content = message.get("content")
    if isinstance(content, str):
        return content
    return json.dumps(message, ensure_ascii=False)


def _request(number: int, row: Row, model: str | None, system: str | None) -> Row:
    if "body" in row:
        body = row["body"]
        if isinstance(body, dict) and model is not None:
            row = {**row, "body": {**body, "model": model}}
        return {"custom_id": str(number), **row}
    messages = _messages(number, row, system)
    known = row.get("id")
    return {
        "custom_id": str(number) if known in (None, "") else str(known),
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": model or row.get("model") or "coe", "messages": messages},
    }


def _messages(number: int, row: Row, system: str | None) -> list[Any]:
    messages, prompt = row.get("messages"), row.get("prompt")
    if isinstance(messages, str) and messages:
        try:
            messages = json.loads(messages)
        except ValueError as error:
            raise PromptsInvalid(f"row {number}: 'messages' is not JSON: {error}") from error
    if messages:
        return list(messages)
    if not isinstance(prompt, str) or not prompt:
        raise PromptsInvalid(f"row {number} has neither 'prompt' nor 'messages' nor 'body'")
    told = row.get("system") or system
    first = [{"role": "system", "content": told}] if told else []
    return [*first, {"role": "user", "content": prompt}]


def _json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise PromptsInvalid(
                    f"line {number} of {path.name} is not JSON: {error}"
                ) from error
            if not isinstance(row, dict):
                raise PromptsInvalid(f"line {number} of {path.name} is not a JSON object")
            yield number, row


def _csv_rows(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield from enumerate(csv.DictReader(file), start=1)
        except (csv.Error, UnicodeDecodeError) as error:
            raise PromptsInvalid(f"{path.name} is not CSV in UTF-8: {error}") from error


def _parquet_rows(path: Path) -> Iterator[tuple[int, Row]]:
    from pyarrow import ArrowInvalid, parquet

    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except ArrowInvalid as error:
        raise PromptsInvalid(f"{path.name} is not Parquet: {error}") from error


def _write_lines(lines: Iterator[bytes], path: Path) -> None:
    with path.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")


def _write_csv(lines: Iterator[bytes], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for line in lines:
            writer.writerow(answer_row(line))


def _write_parquet(lines: Iterator[bytes], path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(
        [(name, pa.float64() if name == "cost_usd" else pa.string()) for name in COLUMNS]
    )
    with ExitStack() as stack:
        writer = stack.enter_context(parquet.ParquetWriter(path, schema, compression="zstd"))
        rows: list[Row] = []
        for line in lines:
            rows.append(answer_row(line))
            if len(rows) == _ROWS_AT_ONCE:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, schema))
