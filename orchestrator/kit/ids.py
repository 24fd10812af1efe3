"""Identifiers that sort by time and carry their own date."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime


def uuid7(now_ms: int | None = None) -> uuid.UUID:
    """Return a version 7 UUID (RFC 9562): 48 bits of milliseconds, then random bits."""
    return uuid.UUID(int=_uuid7(now_ms))


def new_request_id() -> str:
    """Return a fresh request id, ``req_`` and 32 hexadecimal digits."""
    return f"req_{_uuid7():032x}"


def first_id_of(moment: datetime) -> str:
    """Return what every request id made at or after a moment is at least, as text."""
    milliseconds = int(moment.timestamp() * 1000)
    return f"req_{(milliseconds << 80):032x}"


def time_of(request_id: str) -> datetime:
    """Return the moment a request id was made, to the millisecond.

    The usage table is partitioned by it, so a record has the same key wherever it is written.

    Raises:
        ValueError: If this is not a request id of ours.
    """
    return datetime.fromtimestamp(milliseconds_of(request_id) / 1000, UTC)


def milliseconds_of(request_id: str) -> int:
    """Return the moment a request id was made, in milliseconds since 1970.

    Raises:
        ValueError: If this is not a request id of ours.
    """
    prefix, _, digits = request_id.partition("_")
    if prefix != "req" or len(digits) != 32:
        raise ValueError(f"not a request id: {request_id!r}")
    return int(digits, 16) >> 80


def _uuid7(now_ms: int | None = None) -> int:
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    return value & ~(0x3 << 62) | 0x2 << 62
