"""Policies as they are and as they would be: mappings, frontiers, budgets. Solved in threads."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from orchestrator.routers.errors import RouterBudgetInfeasible, RouterSolverTimedOut
from orchestrator.routers.repository import StoredVersion
from orchestrator.routers.workbench.benches import Bench, Benches, Latest
from router import Budget, InfeasibleBudget
from router.mapping import SolverTimedOut
from router.whatif import Mapped, present, solved, swept

_KEPT_SOLUTIONS = 512
_KEPT_FRONTIERS = 32


class Solved(NamedTuple):
    """A policy's mapping as it is, and as it would be.

    Args:
        bench: The version.
        before: As it is; ``None`` where there is no expert.
        after: As it would be; the same where nothing is asked.
        budget_before: The policy's own.
        budget: The one that was asked for.
        seconds: Of the solver.
    """

    bench: Bench
    before: Mapped | None
    after: Mapped | None
    budget_before: Budget | None
    budget: Budget | None
    seconds: float


class Frontier(NamedTuple):
    """Mappings by rising use of one quantity.

    Args:
        bench: The version.
        present: The mapping in force.
        points: The others.
        infeasible: Why there are none.
    """

    bench: Bench
    present: Mapped | None
    points: tuple[Mapped, ...]
    infeasible: InfeasibleBudget | None = None


class Budgets:
    """What-if questions about policies, and candidates with other budgets.

    Args:
        benches: Opens versions.
    """

    def __init__(self, benches: Benches) -> None:
        self._benches = benches
        self._solutions: Latest[Mapped] = Latest(_KEPT_SOLUTIONS)
        self._frontiers: Latest[Frontier] = Latest(_KEPT_FRONTIERS)

    async def present(self, version_id: str) -> tuple[Bench, dict[str, Mapped | None]]:
        """Return a version with the mapping of each of its policies.

        Raises:
            RouterVersionError: If the version cannot be opened.
        """
        bench = await self._benches.open(version_id)
        router, pool = bench.router, bench.pool
        return bench, {name: present(router, pool, name) for name in router.policies}

    async def solve(
        self, version_id: str, policy: str, budget: Budget | None, *, changed: bool = True
    ) -> Solved:
        """Return the mapping a policy would have with another budget, beside the present one.

        Args:
            version_id: Which version.
            policy: Which of its policies.
            budget: In place of the policy's own, as a whole; ``None`` limits nothing.
            changed: If not, the policy is shown as it is.

        Raises:
            RouterVersionError: If the version cannot be opened, has no such policy, or no mapping
                was found in time.
        """
        return await self._solve(await self._benches.open(version_id), policy, budget, changed)

    async def _solve(
        self, bench: Bench, policy: str, budget: Budget | None, changed: bool
    ) -> Solved:
        found = bench.policy(policy)
        own = found.budget if found.budget is not None and found.budget.limits() else None
        before = present(bench.router, bench.pool, policy)
        if not changed or before is None:
            return Solved(bench, before, before, own, budget if changed else own, 0.0)
        key = (bench.version_id, bench.state, policy, budget)
        after, started = self._solutions.get(key), time.perf_counter()
        if after is None:
            wanted = found.within(budget)
            try:
                after = await asyncio.to_thread(solved, bench.router, bench.pool, wanted)
            except SolverTimedOut as error:
                raise RouterSolverTimedOut(policy) from error
            if after is not None:
                self._solutions.keep(key, after)
        return Solved(bench, before, after, own, budget, time.perf_counter() - started)

    async def frontier(self, version_id: str, policy: str, limit: str, points: int) -> Frontier:
        """Return what more of one quantity buys under a policy.

        Args:
            version_id: Which version.
            policy: Which of its policies; its other limits stay.
            limit: On what: a field of :class:`Budget`.
            points: At most so many.

        Raises:
            RouterVersionError: As for :meth:`solve`.
        """
        bench = await self._benches.open(version_id)
        wanted = bench.policy(policy)
        key = (version_id, bench.state, policy, limit, points)
        known = self._frontiers.get(key)
        if known is not None:
            return known
        before = present(bench.router, bench.pool, policy)
        try:
            found = await asyncio.to_thread(swept, bench.router, bench.pool, wanted, limit, points)
        except InfeasibleBudget as error:
            return Frontier(bench, before, (), error)
        except SolverTimedOut as error:
            raise RouterSolverTimedOut(policy) from error
        return self._frontiers.keep(key, Frontier(bench, before, tuple(found)))

    async def set(
        self, version_id: str, policy: str, budget: Budget | None, *, by: str, note: str
    ) -> tuple[StoredVersion, bool, Solved]:
        """Store a candidate with another budget for a policy.

        Returns:
            The version, whether it is new, and how its mapping differs.

        Raises:
            RouterBudgetInfeasible: If the present experts cannot keep it.
            RouterVersionError: As for :meth:`solve`.
        """
        from router.learning.changing import with_budget

        bench = await self._benches.open(version_id)
        found = await self._solve(bench, policy, budget, changed=True)
        if found.after is not None and found.after.infeasible is not None:
            raise RouterBudgetInfeasible(str(found.after.infeasible))
        artifact = await self._benches.artifact(bench)
        changed = await asyncio.to_thread(with_budget, artifact, policy, budget)
        said = note or _note(policy, found, bench)
        stored, new = await self._benches.store(changed, by=by, note=said)
        return stored, new, found


def _note(policy: str, found: Solved, bench: Bench) -> str:
    was, now = _told(found.budget_before), _told(found.budget)
    return f"Budget of {policy!r}: {now} (was: {was}). From {bench.router.version}."


def _told(budget: Budget | None) -> str:
    if budget is None:
        return "none"
    return ", ".join(f"{name} {value:g}" for name, value in budget.limits().items())
