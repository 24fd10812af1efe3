"""Usage as files: CSV (RFC 4180), JSON lines, Parquet; made piece by piece.

Money is exact in each of them: whole billionths of a dollar, and dollars as a decimal.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, Protocol

import msgspec

from experts.pricing import NANOS_PER_USD, usd_text

Format = Literal["json", "jsonl", "csv", "parquet"]
Row = Mapping[str, Any]

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
COST = "cost_usd"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ParquetMissing(RuntimeError):
    """Parquet is asked for, and pyarrow is not installed."""


class Writer(Protocol):
    """Turns rows into the bytes of a file. Pieces joined are the file."""

    def rows(self, rows: Iterable[Row]) -> bytes:
        """Return the bytes of more rows, with what stands before the first."""
        ...

    def end(self) -> bytes:
        """Return what stands after the last row."""
        ...


def writer_of(form: Format, columns: Sequence[str]) -> Writer:
    """Return a writer of files.

    Args:
        form: ``csv``, ``jsonl`` or ``parquet``.
        columns: What a row has, ``cost_nanos`` among them; dollars are put behind it.

    Raises:
        ParquetMissing: If the format is Parquet and pyarrow is not installed.
    """
    if form == "parquet":
        return _Parquet(columns)
    return _Csv(columns) if form == "csv" else _Lines(columns)


class _Csv:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._begun = False

    def rows(self, rows: Iterable[Row]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text)
        if not self._begun:
            writer.writerow([*self._columns, COST])
            self._begun = True
        for row in rows:
            cells = (_cell(row[name]) for name in self._columns)
            writer.writerow([*cells, usd_text(row["cost_nanos"])])
        return text.getvalue().encode()

    def end(self) -> bytes:
        return b"" if self._begun else self.rows(())


class _Lines:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns

    def rows(self, rows: Iterable[Row]) -> bytes:
        lines = (
            {**{name: row[name] for name in self._columns}, COST: usd_text(row["cost_nanos"])}
            for row in rows
        )
        return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)

    def end(self) -> bytes:
        return b""


class _Parquet:
    """Each call of ``rows`` is one row group."""

    def __init__(self, columns: Sequence[str]) -> None:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError as error:
            raise ParquetMissing(
                "Parquet needs the package pyarrow: install the extra 'parquet', or ask for csv"
            ) from error
        self._arrow = pa
        kinds: dict[Any, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64()}
        kinds |= {bool: pa.bool_(), "moment": pa.timestamp("us", tz="UTC")}
        fields = [(name, kinds[KINDS.get(name, str)]) for name in columns]
        self._columns = columns
        self._schema = pa.schema([*fields, (COST, pa.decimal128(38, 9))])
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")

    def rows(self, rows: Iterable[Row]) -> bytes:
        listed = list(rows)
        if listed:
            columns = [[row[name] for row in listed] for name in self._columns]
            costs = [Decimal(row["cost_nanos"]) / NANOS_PER_USD for row in listed]
            arrays = [
                self._arrow.array(values, field.type)
                for values, field in zip([*columns, costs], self._schema, strict=True)
            ]
            self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        return self._sink.taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """A file that is given away piece by piece; its writer knows the whole of its places."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._place = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._place += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._place

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        written, self._pieces = b"".join(self._pieces), []
        return written


KINDS: dict[str, Any] = {
    "started_at": "moment",
    "confidence": float,
    "duration_ms": float,
    "first_token_ms": float,
    "streamed": bool,
    "tokens_estimated": bool,
    **dict.fromkeys(
        (
            "expert_version",
            "requests",
            "failed",
            "blocked",
            "estimated",
            "prompt_tokens",
            "cached_tokens",
            "cache_write_tokens",
            "completion_tokens",
            "reasoning_tokens",
            "cost_nanos",
            "saved_tokens",
            "saved_nanos",
        ),
        int,
    ),
}
"""What columns hold; those that are not named hold text."""


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    text = str(value)
    # Callers choose names of models: one that a spreadsheet took for a formula would be run there.
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
