"""What ``client.routers`` can ask of one version, and make of it, for coroutines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import workbench as operations
from coe_client.paging import AsyncPages
from coe_client.types import (
    ExpertScores,
    RouterBudgetSet,
    RouterCategoryDetail,
    RouterDiagnostics,
    RouterFrontier,
    RouterMap,
    RouterPolicies,
    RoutersCompared,
    RouterSolved,
    RouterTaxonomy,
    RouterTaxonomyChanged,
)


class AsyncWorkbench(AsyncGroup):
    """Categories, diagnostics, scores and budgets of router versions."""

    async def taxonomy(
        self, version_id: str, *, q: str | None = None, examples: int | None = None
    ) -> RouterTaxonomy:
        """Get a version's categories, and what can be changed of them.

        Args:
            version_id: ``rv_...``, or ``starter``.
            q: Only those with this text in id, name or description.
            examples: Shown of each category.
        """
        return await self._send(operations.get_taxonomy(version_id, q, examples))

    async def category(self, version_id: str, category_id: str) -> RouterCategoryDetail:
        """Get a category with all its examples and keywords."""
        return await self._send(operations.get_category(version_id, category_id))

    async def change_taxonomy(
        self,
        version_id: str,
        changes: Sequence[Mapping[str, Any]],
        *,
        note: str = "",
        preview: bool = False,
    ) -> RouterTaxonomyChanged:
        """Store a candidate with other categories, and see what it does to known prompts.

        Args:
            version_id: What is changed; it stays as it is.
            changes: Each with ``op`` and ``id``: ``add`` (``name``, ``description``, ``examples``,
                ``keywords``, ``parent``), ``change`` (``name``, ``description``, ``keywords``,
                ``add_examples``, ``remove_examples``) or ``remove``.
            note: What it is, for people.
            preview: Store nothing.
        """
        return await self._send(operations.change_taxonomy(version_id, changes, note, preview))

    async def diagnostics(self, version_id: str, *, days: int | None = None) -> RouterDiagnostics:
        """Get how well a version tells kinds of requests apart, as measured and as it goes."""
        return await self._send(operations.get_diagnostics(version_id, days))

    async def projection(
        self, version_id: str, *, requests: int | None = None, days: int | None = None
    ) -> RouterMap:
        """Get a version's examples, and requests whose texts are kept, in two dimensions."""
        return await self._send(operations.get_projection(version_id, requests, days))

    def scores(
        self,
        version_id: str,
        *,
        q: str | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[ExpertScores]:
        """List the present experts with what a version expects of each, by category.

        Args:
            version_id: ``rv_...``, or ``starter``.
            q: Only experts with this text in their id.
            sort: ``quality``, ``expert`` or ``cost``; by ``-`` the highest first.
            page_size: Experts fetched at a time, at most 200.
        """
        return self._pages(
            lambda after: operations.list_scores(version_id, after, page_size, q=q, sort=sort)
        )

    async def policies(self, version_id: str) -> RouterPolicies:
        """Get a version's policies with what their mappings come to over the present experts."""
        return await self._send(operations.list_policies(version_id))

    async def frontier(
        self,
        version_id: str,
        policy: str,
        *,
        limit_on: str | None = None,
        points: int | None = None,
    ) -> RouterFrontier:
        """Get what more of a budget buys, from the least that is possible to the best.

        Args:
            version_id: ``rv_...``, or ``starter``.
            policy: Its other limits stay.
            limit_on: A field of ``RouterBudget``; ``money_usd`` by default.
            points: At most so many.
        """
        return await self._send(operations.get_frontier(version_id, policy, limit_on, points))

    async def solve(
        self,
        version_id: str,
        policy: str,
        *,
        money_usd: float | None = None,
        active_parameters: float | None = None,
        latency_s: float | None = None,
        resident_parameters: float | None = None,
        max_experts: int | None = None,
        unlimited: bool = False,
    ) -> RouterSolved:
        """Get the mapping a policy would have, beside the one it has; nothing is changed.

        Args:
            version_id: ``rv_...``, or ``starter``.
            policy: The limits given replace its own, all of them; with none it is shown as it is.
            money_usd: US dollars a request, on average.
            active_parameters: Billions at work for a request, on average.
            latency_s: Seconds to an answer, on average.
            resident_parameters: Billions, of all experts in use together.
            max_experts: How many may be in use.
            unlimited: Take all limits away.
        """
        limits = {
            "money_usd": money_usd,
            "active_parameters": active_parameters,
            "latency_s": latency_s,
            "resident_parameters": resident_parameters,
            "max_experts": max_experts,
        }
        return await self._send(operations.solve_policy(version_id, policy, limits, unlimited))

    async def set_budget(
        self,
        version_id: str,
        policy: str,
        *,
        money_usd: float | None = None,
        active_parameters: float | None = None,
        latency_s: float | None = None,
        resident_parameters: float | None = None,
        max_experts: int | None = None,
        note: str = "",
    ) -> RouterBudgetSet:
        """Store a candidate in which a policy has another budget, with none of these no budget.

        Args:
            version_id: What is changed; it stays as it is.
            policy: The limits given replace its own, all of them.
            money_usd: As for :meth:`solve`, like the other limits.
            active_parameters: See there.
            latency_s: See there.
            resident_parameters: See there.
            max_experts: See there.
            note: What it is, for people.
        """
        limits = {
            "money_usd": money_usd,
            "active_parameters": active_parameters,
            "latency_s": latency_s,
            "resident_parameters": resident_parameters,
            "max_experts": max_experts,
        }
        return await self._send(operations.set_budget(version_id, policy, limits, note))

    async def compare(self, version_id: str, other: str) -> RoutersCompared:
        """Set a version beside another: categories, mappings, scores and evaluations."""
        return await self._send(operations.compare_versions(version_id, other))
