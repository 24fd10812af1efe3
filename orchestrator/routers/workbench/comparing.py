"""Two versions side by side, over the same experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from orchestrator.routers.lifecycle import BUILT_IN, RouterVersions
from orchestrator.routers.repository import StoredVersion
from orchestrator.routers.workbench.benches import Bench, Benches
from orchestrator.routers.workbench.diagnosis import Diagnostics
from router.whatif import Mapped, present

MOST_LARGEST = 20
_SAME = 1e-9


class Side(NamedTuple):
    """One of the two.

    Args:
        bench: The version.
        stored: What is stored of it; ``None`` for the built-in one.
        mapped: Its policies' mappings.
        report: Of its evaluation, ``None`` where it came without.
    """

    bench: Bench
    stored: StoredVersion | None
    mapped: Mapping[str, Mapped | None]
    report: Mapping[str, Any] | None


class ScoreDifference(NamedTuple):
    """An expert of whom the versions expect different things in a category."""

    expert: str
    category: str
    base: float
    version: float


class Differences(NamedTuple):
    """What the versions expect of the same experts in the same categories.

    Args:
        compared: Pairs of expert and category.
        differing: How many of them differ.
        largest: Those that differ most.
    """

    compared: int
    differing: int
    largest: list[ScoreDifference]


class Comparing:
    """Sets versions side by side.

    Args:
        benches: Opens them.
        versions: Of this installation.
        diagnostics: Reads their reports.
    """

    def __init__(
        self, benches: Benches, versions: RouterVersions, diagnostics: Diagnostics
    ) -> None:
        self._benches = benches
        self._versions = versions
        self._diagnostics = diagnostics

    async def of(self, base: str, version: str) -> tuple[Side, Side]:
        """Return two versions, opened.

        Raises:
            RouterVersionError: If one cannot be.
        """
        return await self._side(base), await self._side(version)

    async def _side(self, version_id: str) -> Side:
        bench = await self._benches.open(version_id)
        router, pool = bench.router, bench.pool
        return Side(
            bench,
            None if version_id == BUILT_IN else await self._versions.get(version_id),
            {name: present(router, pool, name) for name in router.policies},
            await self._diagnostics.report(version_id),
        )


def differences(base: Bench, version: Bench) -> Differences:
    """Return what two versions expect differently of the experts, where they have both."""
    common = [id_ for id_ in base.names if id_ in version.names]
    experts = [id_ for id_ in base.pool.positions if id_ in version.pool.positions]
    if not common or not experts:
        return Differences(0, 0, [])
    tables = [
        bench.pool.scores[
            np.ix_(
                [bench.pool.category_ids.index(id_) for id_ in common],
                [bench.pool.positions[id_] for id_ in experts],
            )
        ]
        for bench in (base, version)
    ]
    gaps = np.abs(tables[1] - tables[0]).ravel()
    largest = [
        ScoreDifference(
            experts[at % len(experts)],
            common[at // len(experts)],
            float(tables[0].flat[at]),
            float(tables[1].flat[at]),
        )
        for at in np.argsort(-gaps, kind="stable")[:MOST_LARGEST].tolist()
        if gaps[at] > _SAME
    ]
    return Differences(len(gaps), int((gaps > _SAME).sum()), largest)
