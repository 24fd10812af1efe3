"""How long each expert's answers take, measured from the usage there is, apart from any request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.catalogue.service import CatalogueService
from orchestrator.usage.repository import median_seconds

WINDOW = timedelta(days=1)
MOST_REQUESTS = 50_000
LEAST_REQUESTS = 20
"""Answers of an expert within the window; with fewer its latency is unknown."""
TOLERANCE = 0.1
"""Part by which a latency may drift before it counts as another, so that routes do not flicker."""
_SECONDS = 60.0

log = logging.getLogger(__name__)


class LatencyWatch:
    """Tells the catalogue how long answers take.

    Args:
        engine: Where usage is kept.
        catalogue: Is told.
        least: Answers of an expert that make a latency.
    """

    def __init__(
        self, engine: AsyncEngine, catalogue: CatalogueService, least: int = LEAST_REQUESTS
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._least = least
        self._known: Mapping[str, float] = {}

    async def run(self) -> None:
        """Measure every minute until cancelled."""
        while True:
            try:
                await self.refresh()
            except (SQLAlchemyError, OSError) as error:
                log.warning("latencies not measured (%s); the old ones hold", error)
            await asyncio.sleep(_SECONDS)

    async def refresh(self) -> None:
        """Measure once.

        Raises:
            SQLAlchemyError: If the database cannot be read; what is known stays.
        """
        since = datetime.now(UTC) - WINDOW
        async with self._engine.connect() as connection:
            found = await median_seconds(
                connection, since=since, most=MOST_REQUESTS, least=self._least
            )
        self._known = steadied(self._known, found)
        await self._catalogue.measure(self._known)


def steadied(known: Mapping[str, float], found: Mapping[str, float]) -> dict[str, float]:
    """Return latencies with those left as they were that hardly differ.

    Args:
        known: Seconds by expert, as used so far.
        found: As measured now; experts that are missing here are unknown now.
    """
    return {
        expert: before
        if (before := known.get(expert)) is not None and abs(now - before) <= TOLERANCE * before
        else float(f"{now:.3g}")
        for expert, now in found.items()
    }
