"""How well a version tells kinds of requests apart: as it was measured, and as it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.routers.comparison import Comparison, compare
from orchestrator.routers.errors import RouterReportMissing
from orchestrator.routers.lifecycle import BUILT_IN, RouterVersions
from orchestrator.routers.workbench import live
from orchestrator.routers.workbench.benches import Bench, Benches, Latest
from router.embedding import FloatArray

MOST_POINTS = 2_000
_KEPT = 8


class Live(NamedTuple):
    """What a version's own requests and callers say of it."""

    categories: list[live.CategoryCount]
    opinions: live.Opinions
    shadow: Comparison | None


class Diagnosis(NamedTuple):
    """What is known of a version's first step.

    Args:
        bench: The version.
        report: Of its evaluation, ``None`` where it came without.
        examples: The same figures of its taxonomy's examples, held out, where there is no report.
        live: From its requests.
    """

    bench: Bench
    report: Mapping[str, Any] | None
    examples: Mapping[str, Any] | None
    live: Live


class Point(NamedTuple):
    """A prompt in the plane.

    Args:
        x: -1 to 1.
        y: -1 to 1.
        category: Of an example its own, of a request the one it was treated as.
        text: Of an example; a request's is never told here.
        request_id: Of a request.
    """

    x: float
    y: float
    category: str
    text: str | None
    request_id: str | None


class Examples(NamedTuple):
    """Examples with their categories, and the embedder's vectors of them."""

    said: list[tuple[str, str]]
    vectors: FloatArray


class Map(NamedTuple):
    """Prompts in a plane, and the share of their variance that each axis shows."""

    bench: Bench
    points: list[Point]
    explained: tuple[float, float]


class Diagnostics:
    """Looks at versions.

    Args:
        benches: Opens them.
        versions: Of this installation.
        engine: Where requests are kept.
        feedback: Where opinions are read.
    """

    def __init__(
        self,
        benches: Benches,
        versions: RouterVersions,
        engine: AsyncEngine,
        feedback: live.Feedback,
    ) -> None:
        self._benches = benches
        self._versions = versions
        self._engine = engine
        self._feedback = feedback
        self._examples: Latest[Mapping[str, Any]] = Latest(_KEPT)
        self._embedded: Latest[Examples] = Latest(_KEPT)

    async def of(self, version_id: str, days: int) -> Diagnosis:
        """Return what is known of a version.

        Args:
            version_id: Which.
            days: Of requests that are looked at.

        Raises:
            RouterVersionError: If the version cannot be opened.
        """
        bench = await self._benches.open(version_id)
        report = await self.report(version_id)
        examples = None if report is not None else await self._held_out(bench)
        since = datetime.now(UTC) - timedelta(days=days)
        async with self._engine.connect() as connection:
            found = Live(
                await live.counted(connection, bench.router.version, since),
                await self._feedback.of_version(connection, bench.router.version, since),
                None if version_id == BUILT_IN else await compare(connection, version_id),
            )
        return Diagnosis(bench, report, examples, found)

    async def report(self, version_id: str) -> Mapping[str, Any] | None:
        """Return a version's evaluation report, ``None`` where it came without."""
        if version_id == BUILT_IN:
            return None
        try:
            return await self._versions.report(version_id)
        except RouterReportMissing:
            return None

    async def map(self, version_id: str, requests: int, days: int) -> Map:
        """Draw a version's examples and its latest requests whose texts are stored.

        Args:
            version_id: Which.
            requests: At most so many.
            days: Of requests that are looked at.

        Raises:
            RouterVersionError: If the version cannot be opened.
        """
        bench = await self._benches.open(version_id)
        since = datetime.now(UTC) - timedelta(days=days)
        async with self._engine.connect() as connection:
            found = await live.texts(connection, bench.router.version, since, requests)
        examples = self._embedded.get(version_id)
        if examples is None:
            examples = await asyncio.to_thread(_embedded, bench)
            self._embedded.keep(version_id, examples)
        return await asyncio.to_thread(_drawn, bench, examples, found)

    async def _held_out(self, bench: Bench) -> Mapping[str, Any] | None:
        known = self._examples.get(bench.version_id)
        if known is not None:
            return known
        from router.evaluation.held_out import held_out

        found = await asyncio.to_thread(held_out, bench.router)
        return None if found is None else self._examples.keep(bench.version_id, found)


def _embedded(bench: Bench) -> Examples:
    from router.evaluation.projection import spread

    found = [
        (text, category.id)
        for category in bench.router.taxonomy.categories
        for text in category.examples
    ]
    shown = [found[i] for i in spread(len(found), MOST_POINTS).tolist()]
    return Examples(shown, bench.router.embedder.embed([text for text, _ in shown]))


def _drawn(bench: Bench, examples: Examples, requests: list[tuple[str, str, str]]) -> Map:
    from router.evaluation.projection import project, spread

    rows = spread(len(examples.said), MOST_POINTS - len(requests))
    vectors = [examples.vectors[rows]]
    if requests:
        vectors.append(bench.router.embedder.embed([text for _, _, text in requests]))
    drawn = project(np.concatenate(vectors))
    places = drawn.places.tolist()
    own, others = places[: len(rows)], places[len(rows) :]
    points = [
        Point(x, y, category, text, None)
        for (x, y), (text, category) in zip(
            own, (examples.said[row] for row in rows.tolist()), strict=True
        )
    ]
    points += [
        Point(x, y, category, None, request_id)
        for (x, y), (request_id, category, _) in zip(others, requests, strict=True)
    ]
    return Map(bench, points, (float(drawn.explained[0]), float(drawn.explained[1])))
