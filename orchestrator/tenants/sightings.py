"""When keys and sessions were last used: noted in memory, written every so often."""

from __future__ import annotations

import asyncio
import logging

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.tenants.keys import Principal
from orchestrator.tenants.tables import api_keys, sessions

PERIOD_SECONDS = 30.0

log = logging.getLogger(__name__)


class Sightings:
    """Notes who was seen; what is not written yet when a process ends is not told.

    Args:
        engine: Where it is kept.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._seen: set[str] = set()

    def saw(self, principal: Principal) -> None:
        """Note that somebody was here; done for every request."""
        self._seen.add(principal.session or principal.key_id)

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            try:
                await self.flush()
            except (SQLAlchemyError, OSError) as error:
                log.warning("when keys were last used is written later: %s", error)

    async def flush(self) -> None:
        """Write what was noted since the last time.

        Raises:
            SQLAlchemyError: If Postgres does not answer; then it is kept for the next time.
        """
        seen, self._seen = self._seen, set()
        if not seen:
            return
        try:
            async with self._engine.begin() as connection:
                here = sessions.c.id.in_(seen)
                keys = await connection.scalars(sa.select(sessions.c.key_id).where(here))
                await connection.execute(_now(sessions, seen))
                await connection.execute(_now(api_keys, seen.union(filter(None, keys))))
        except (SQLAlchemyError, OSError):
            self._seen |= seen
            raise


def _now(table: sa.Table, ids: set[str]) -> sa.Update:
    """Return a statement that notes the present moment for some rows.

    One that another replica writes at the moment is left to it, so that no two wait for each other.
    """
    free = sa.select(table.c.id).where(table.c.id.in_(ids)).with_for_update(skip_locked=True)
    return sa.update(table).where(table.c.id.in_(free)).values(last_used_at=sa.func.now())
