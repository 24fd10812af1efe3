"""The values a routing decision is made of. Plain data: same input, same decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Rule = Literal["category", "uncertain", "only_candidate", "specialist_input", "no_mapped_candidate"]
Exclusion = Literal["disabled", "capability", "context_window", "unhealthy", "input"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the router may know of an expert. The service derives it from the catalogue.

    Args:
        id: The expert's id.
        tags: Free labels; one that equals a category id marks a specialist in it.
        capabilities: ``tools``, ``vision``, ``json``, ``streaming``.
        context_window: Tokens of prompt and answer together.
        price_in: US dollars per million prompt tokens.
        price_out: US dollars per million answer tokens.
        active_parameters: Billions, or ``None`` where unknown.
        accepts: Request features without which it is never chosen; empty: takes everything.
        available: False while it is disabled or known to be down.
    """

    id: str
    tags: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset({"streaming"})
    context_window: int = 8192
    price_in: float = 0.0
    price_out: float = 0.0
    active_parameters: float | None = None
    accepts: frozenset[str] = frozenset()
    available: bool = True


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What is to be routed.

    Args:
        text: Routing text, most telling part first (:mod:`router.text`).
        needs: Capabilities the answer requires.
        features: What the request is like, for experts that accept only some (``executable``).
        prompt_tokens: Estimate of the prompt's length.
        policy: ``quality``, ``balanced``, ``economy`` or the operator's own.
    """

    text: str
    needs: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    prompt_tokens: int = 0
    policy: str = "balanced"


@dataclass(frozen=True, slots=True)
class CandidateView:
    """How one candidate looked when the decision was made."""

    id: str
    quality: float
    """Expected quality, 0..1."""
    cost: float
    """Expected US dollars for this request."""
    excluded: Exclusion | None = None


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Where a request goes and why."""

    category: str
    """The category whose mapping was used: ``general`` when the router was unsure."""
    probabilities: Mapping[str, float]
    """Calibrated, over all categories, summing to one; the most probable first."""
    uncertainty: float
    """0 (sure) to 1 (knows nothing)."""
    expert: str
    ranked: tuple[str, ...]
    """All eligible experts, best first; the first is ``expert``, the rest are fallbacks."""
    candidates: tuple[CandidateView, ...]
    policy: str
    rule: Rule
    reason: str
    """One or two sentences for a person."""
    router_version: str
    text_excerpt: str = field(default="", repr=False)


class NoEligibleExpert(Exception):
    """No candidate can serve the request; says which constraint excluded which expert."""

    def __init__(self, message: str, candidates: tuple[CandidateView, ...]) -> None:
        super().__init__(message)
        self.candidates = candidates


class UnknownPolicy(Exception):
    """The policy asked for is not one this router has a mapping for."""
