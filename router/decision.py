"""The values a routing decision is made of. Plain data: same input, same decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Rule = Literal[
    "category",
    "uncertain",
    "instance",
    "memory",
    "quality_floor",
    "max_cost",
    "max_latency",
    "exploration",
    "only_candidate",
    "specialist_input",
    "no_mapped_candidate",
]
Exclusion = Literal[
    "disabled",
    "unhealthy",
    "not_allowed",
    "capability",
    "input",
    "context_window",
    "max_cost",
    "max_latency",
]


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
        available: False while it is disabled.
        healthy: False while it is known to be down.
        latency: Seconds an answer usually takes, or ``None`` where unknown.
        total_parameters: Billions that must be in memory, or ``None``: as the active ones.
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
    healthy: bool = True
    latency: float | None = None
    total_parameters: float | None = None


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """What is to be routed.

    Args:
        text: Routing text, most telling part first (:mod:`router.text`).
        needs: Capabilities the answer requires.
        features: What the request is like, for experts that accept only some (``executable``).
        prompt_tokens: Estimate of the prompt's length.
        policy: ``quality``, ``balanced``, ``economy`` or the operator's own.
        allowed: Ids of the experts it may go to; ``None``: any.
        quality_floor: 0..1. The cheapest expert expected to reach it answers, in place of the
            policy's; where none is, the one expected to be best.
        max_cost: US dollars it may be expected to cost.
        max_latency: Seconds it may be expected to take; experts of unknown latency stay in.
        request_id: Decides whether it explores, where the router does; without one it never does.

    Raises:
        ValueError: Where a limit is outside its range or not a number.
    """

    text: str
    needs: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()
    prompt_tokens: int = 0
    policy: str = "balanced"
    allowed: frozenset[str] | None = None
    quality_floor: float | None = None
    max_cost: float | None = None
    max_latency: float | None = None
    request_id: str = ""

    def __post_init__(self) -> None:
        if self.quality_floor is not None and not 0.0 <= self.quality_floor <= 1.0:
            raise ValueError("quality_floor is a number from 0 to 1")
        for limit in (self.max_cost, self.max_latency):
            if limit is not None and not (limit >= 0.0 and math.isfinite(limit)):
                raise ValueError("max_cost and max_latency are finite numbers from 0")


@dataclass(frozen=True, slots=True)
class CandidateView:
    """How one candidate looked when the decision was made."""

    id: str
    quality: float
    """Expected quality, 0..1."""
    cost: float
    """Expected US dollars for this request."""
    excluded: Exclusion | None = None
    latency: float | None = None
    """Expected seconds, where known."""


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """Where a request goes and why.

    ``probabilities``, ``ranked`` and ``candidates`` may be built only when they are looked at
    (:mod:`router.lazy`); they equal the plain dict or tuple.
    """

    category: str
    """The category whose mapping was used: ``general`` when the router was unsure."""
    probabilities: Mapping[str, float]
    """Calibrated, over all categories, summing to one; the most probable first."""
    uncertainty: float
    """0 (sure) to 1 (knows nothing)."""
    expert: str
    ranked: Sequence[str]
    """All eligible experts, best first; the first is ``expert``, the rest are fallbacks."""
    candidates: Sequence[CandidateView]
    policy: str
    rule: Rule
    reason: str
    """One or two sentences for a person."""
    router_version: str
    text_excerpt: str = field(default="", repr=False)
    uncertainty_limit: float | None = None
    """Uncertainty above which a request most like this one's likeliest category counts as ``general``."""


class NoEligibleExpert(Exception):
    """No candidate can serve the request; says which constraint excluded which expert."""

    def __init__(self, message: str, candidates: tuple[CandidateView, ...]) -> None:
        super().__init__(message)
        self.candidates = candidates


class UnknownPolicy(Exception):
    """The policy asked for is not one this router has a mapping for."""
