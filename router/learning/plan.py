"""How a router is to be learned."""

from __future__ import annotations

from dataclasses import dataclass, replace

from router.mapping import POLICIES, Budget, Policy
from router.prices import Price
from router.progress import Progress, silent
from router.taxonomy import Taxonomy

__all__ = ["Plan", "Progress", "silent"]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a router is to be learned.

    Args:
        name: First part of its version.
        policies: The trade-offs it is to offer.
        budgets: Further policies, by name, with what they may use; a number stands for billions
            of active parameters a request on average.
        active_parameters: Billions by expert; needed for budgets on them.
        prices: What experts cost, by id; needed for budgets on anything else.
        seed: Of everything that is drawn.
        taxonomy: The categories; by default those that labels name.
        discover: Find categories in prompts without any label: so many, 0 for as many as there
            seem to be. ``None`` finds none.
        grow: Whether prompts without a label may join a category.
        stored: At most so many prompts a category are kept in the artefact, to prove later that
            they still route the same; 0 for none.
        proof: Level of the paired test that lets a specialist displace the general expert in the
            mapping of a category; 1 asks only that it did better on the same prompts.
        contrastive: Learn a head on the embedder's vectors that draws categories together.
    """

    name: str = "learned"
    policies: tuple[Policy, ...] = POLICIES
    budgets: tuple[tuple[str, Budget | float], ...] = ()
    active_parameters: tuple[tuple[str, float], ...] = ()
    prices: tuple[tuple[str, Price], ...] = ()
    seed: int = 0
    taxonomy: Taxonomy | None = None
    discover: int | None = None
    grow: bool = True
    stored: int = 20
    proof: float = 1.0
    contrastive: bool = False

    def limits(self) -> list[tuple[str, Budget]]:
        """Return the budgets by name."""
        return [
            (name, limit if isinstance(limit, Budget) else Budget(active_parameters=limit))
            for name, limit in self.budgets
        ]

    def price_of(self, expert: str) -> Price:
        """Return all that is known of what an expert costs."""
        price = dict(self.prices).get(expert, Price())
        billions = dict(self.active_parameters).get(expert)
        return price if billions is None else replace(price, active_parameters=billions)
