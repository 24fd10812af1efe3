"""The whole log read once more: whether it is what was written."""

from __future__ import annotations

import asyncio

from orchestrator.audit.chain import GENESIS, first_break
from orchestrator.audit.log import AuditLog

_ENTRIES_AT_ONCE = 1000


class AuditBroken(Exception):
    """The log is not what was written; says where."""


async def check_chain(log: AuditLog) -> None:
    """Read the log from its first entry to its last.

    Raises:
        AuditBroken: At the first entry that is missing or was changed.
    """
    after, previous = 0, GENESIS
    while links := await log.page(_ENTRIES_AT_ONCE, after=after):
        broken = await asyncio.to_thread(first_break, links, after=after, previous=previous)
        if broken is not None:
            raise AuditBroken(f"entry {broken.number}: {broken.reason}")
        after, previous = links[-1].entry.number, links[-1].hash
