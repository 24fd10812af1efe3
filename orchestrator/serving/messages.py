"""What the supervisor and a worker process say to each other: a line of JSON at a time, over a pair of sockets.

The supervisor says :class:`Begin` at once and :data:`GO` when the first process has filled an untouched
catalogue; the worker says :class:`~orchestrator.kit.started.Started` when it serves. The socket is the worker's
standard input, and it ends when either of them does, however that ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from orchestrator.kit.siblings import Member
from orchestrator.kit.started import Started

GO = b"go\n"


@dataclass(frozen=True, slots=True)
class Begin:
    """Which of the processes one is, see :class:`~orchestrator.kit.siblings.Member`."""

    number: int
    count: int
    directory: str
    voucher: str

    @property
    def member(self) -> Member:
        """The same, as a process knows itself."""
        return Member(self.number, self.count, Path(self.directory), self.voucher)


def said(message: Begin | Started) -> bytes:
    """Return a message as a line."""
    return msgspec.json.encode(message) + b"\n"


def begin_of(line: bytes) -> Begin:
    """Read what the supervisor says first."""
    return msgspec.json.decode(line, type=Begin)


def started_of(line: bytes) -> Started:
    """Read what a worker says when it serves."""
    return msgspec.json.decode(line, type=Started)
