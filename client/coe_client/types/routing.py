"""Where a request went, why, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import Field

from coe_client.types.base import WireModel

N = TypeVar("N", int, float)


class CandidateView(WireModel):
    """How one expert looked when the decision was made."""

    id: str
    quality: float | None = None
    """Expected quality, 0..1."""
    cost: float | None = None
    """Expected US dollars for this request."""
    excluded: str | None = None
    """Why it could not be chosen, or ``None``."""
    latency: float | None = None
    """Expected seconds, where they are known."""


class RoutingDecision(WireModel):
    """What the router made of a request. Same input, same decision."""

    category: str
    probabilities: dict[str, float] = Field(default_factory=dict)
    """Calibrated probability of each category."""
    uncertainty: float | None = None
    """0 (sure) to 1 (knows nothing)."""
    uncertainty_limit: float | None = None
    """Above this uncertainty a request of its likeliest category counts as ``general``."""
    expert: str
    ranked: list[str] = Field(default_factory=list)
    """Eligible experts, best first; those after the first are fallbacks."""
    candidates: list[CandidateView] = Field(default_factory=list)
    policy: str | None = None
    rule: str | None = None
    reason: str = ""
    router_version: str | None = None
    strategy: str | None = None
    """The strategy that answers in place of the one expert."""
    strategy_reason: str | None = None
    """Why it does, or why one that is assigned does not; only from ``route``."""

    @property
    def confidence(self) -> float | None:
        """Probability of the chosen category, where the service gave one."""
        return self.probabilities.get(self.category)


class ExplanationUsage(WireModel):
    """Tokens of one request."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    """True where the expert did not count and the service estimated."""


class Explanation(WireModel):
    """The whole story of one answer, sent where the request asked for it (``explain=True``)."""

    request_id: str | None = None
    decision: RoutingDecision | None = None
    """``None`` where ``model`` named an expert, so that nothing was decided."""
    expert: str | None = None
    policy: str | None = None
    usage: ExplanationUsage | None = None
    attempts: list[dict[str, Any]] | None = None
    """The calls it took, where it was not exactly one."""
    session: dict[str, Any] | None = None
    """Who answered the conversation before, and why it has moved, if it has."""
    cache: dict[str, Any] | None = None
    """What the cache had of it, if that had a part in it."""
    cost_usd: float | None = None
    duration_ms: float | None = None
    first_token_ms: float | None = None


def _number(text: str | None, kind: Callable[[str], N]) -> N | None:
    """Read a header's number; an unreadable one is treated as absent."""
    try:
        return None if text is None else kind(text)
    except ValueError:
        return None


class RouteInfo(WireModel):
    """What the ``x-coe-*`` headers of an answer say. Every field may be missing."""

    request_id: str | None = None
    router_version: str | None = None
    category: str | None = None
    confidence: float | None = None
    """Probability of the category, 0..1."""
    expert: str | None = None
    policy: str | None = None
    strategy: str | None = None
    """The strategy that answered, in place of an expert."""
    strategy_unused: str | None = None
    """The strategy assigned to the request that did not answer it."""
    cache: str | None = None
    """``hit``, ``shared``, ``similar``, ``miss`` or ``bypass``."""
    cache_key: str | None = None
    """Names the answer that is kept."""
    flags: list[str] = Field(default_factory=list)
    """What guardrails noticed."""
    cost: float | None = None
    """US dollars; not known yet when a stream begins."""
    attempts: int | None = None
    """How many calls of experts it took, where it was more than one."""
    moved: str | None = None
    """Why the conversation has moved to another expert, where it has."""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> RouteInfo:
        """Read the headers of an answer; keys of ``headers`` are in lower case."""

        def read(name: str) -> str | None:
            return headers.get(f"x-coe-{name}")

        return cls(
            request_id=read("request-id"),
            router_version=read("router-version"),
            category=read("category"),
            confidence=_number(read("confidence"), float),
            expert=read("expert"),
            policy=read("policy"),
            strategy=read("strategy"),
            strategy_unused=read("strategy-unused"),
            cache=read("cache"),
            cache_key=read("cache-key"),
            flags=[flag.strip() for flag in (read("flags") or "").split(",") if flag.strip()],
            cost=_number(read("cost"), float),
            attempts=_number(read("attempts"), int),
            moved=read("moved"),
        )
