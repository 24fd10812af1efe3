"""A local file for records that could not reach Redis, shared by the processes of a machine."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from orchestrator.usage.record import UsageRecord

log = logging.getLogger(__name__)


class Spool:
    """An append-only file; every access holds a lock on it that ends with its process.

    Args:
        path: The file. It exists only while something waits in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, record: UsageRecord) -> None:
        """Write one record and force it to disk. Blocks; call it from a thread."""
        line = msgspec.json.encode(record) + b"\n"
        with self._locked() as descriptor:
            os.write(descriptor, line)
            os.fsync(descriptor)

    @contextmanager
    def taken(self) -> Iterator[list[UsageRecord]]:
        """Yield what waits; it is gone when the block ends, and stays if the block raises.

        Yields nothing where another process is at the file: it will be there the next time.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield []
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            yield []
            return
        try:
            yield _records(self.path)
            self.path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        while True:
            descriptor = os.open(
                self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.fstat(descriptor).st_nlink:  # else it was emptied while we waited
                    yield descriptor
                    return
            finally:
                os.close(descriptor)


def _records(path: Path) -> list[UsageRecord]:
    """Return the records of a file; a line cut short by a kill is left out and logged."""
    decoder = msgspec.json.Decoder(UsageRecord)
    records = []
    for line in path.read_bytes().split(b"\n"):
        try:
            if line:
                records.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("a broken line in %s was skipped: %r", path, line[:200])
    return records
