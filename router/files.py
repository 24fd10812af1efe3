"""Rows of the files people have: JSON lines, CSV, Parquet, with the line named where one is wrong."""

from __future__ import annotations

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, cast

from router.data import DatasetInvalid

_BOM = b"\xef\xbb\xbf"
_LONGEST_FIELD = min(sys.maxsize, (1 << 31) - 1)


def rows_of(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read the rows of a file.

    Args:
        path: ``.jsonl``, ``.csv`` or ``.parquet``, the first two perhaps gzipped (``.gz``).

    Raises:
        DatasetInvalid: Naming the file, and the line where it can be named.
    """
    name = path.name.removesuffix(".gz")
    try:
        if name.endswith((".jsonl", ".ndjson")):
            yield from _json_lines(path)
        elif name.endswith(".csv"):
            yield from _csv(path)
        elif name.endswith(".parquet"):
            yield from _parquet(path)
        else:
            raise DatasetInvalid(f"{path.name}: neither .jsonl, .csv nor .parquet")
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetInvalid(f"{path.name}: cannot be read ({error})") from error


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.name.endswith(".gz") else path.open("rb")


def _lines(path: Path) -> Iterator[str]:
    """Decode line by line, so that the first wrong one can be named."""
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            raw = line.removeprefix(_BOM) if number == 1 else line
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DatasetInvalid(
                    f"{path.name}, line {number}: not UTF-8 text ({error.reason} at byte "
                    f"{error.start + 1}); files in other encodings must be converted"
                ) from error


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetInvalid(f"{path.name}, line {number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise DatasetInvalid(f"{path.name}, line {number}: not an object")
        yield row


def _csv(path: Path) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(_LONGEST_FIELD)  # of its own accord the module stops at 128 kB
    reader = csv.DictReader(_lines(path))
    try:
        names = reader.fieldnames or []
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise DatasetInvalid(f"{path.name}: there are two columns {twice!r}")
        for row in reader:
            if None in row:
                raise DatasetInvalid(
                    f"{path.name}, line {reader.line_num}: more fields than the {len(names)} columns"
                )
            yield row
    except csv.Error as error:
        raise DatasetInvalid(f"{path.name}, line {reader.line_num}: not CSV ({error})") from error


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ModuleNotFoundError as error:
        raise DatasetInvalid(
            f"{path.name}: Parquet files need the package pyarrow (the extra 'parquet')"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from batch.to_pylist()
    except ArrowInvalid as error:
        raise DatasetInvalid(f"{path.name}: not a Parquet file ({error})") from error
