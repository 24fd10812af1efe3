"""A snapshot of the catalogue, as arrays a decision can be made from in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from router.decision import Candidate, Exclusion, RouteRequest
from router.expected import Known, QualityModel, known_to, placed_scores, planned_scores
from router.mapping import (
    EXPECTED_ANSWER_TOKENS,
    TYPICAL_PROMPT_TOKENS,
    Bools,
    Floats,
    InfeasibleBudget,
    Ints,
    Policy,
    effort,
    prior_scores,
    size_index,
    sizes,
)
from router.solving import Solved, solve_policy
from router.taxonomy import Taxonomy

EXCLUSIONS: tuple[Exclusion, ...] = (
    "disabled",
    "unhealthy",
    "not_allowed",
    "capability",
    "input",
    "context_window",
    "max_cost",
    "max_latency",
)
"""In the order in which they are looked for; an excluded expert carries the first that holds."""

CODES: Mapping[Exclusion, int] = {name: 1 + index for index, name in enumerate(EXCLUSIONS)}
"""0 stands for an eligible expert."""

_MAX_SCREENS = 256

Codes = npt.NDArray[np.int8]
_Key = tuple[frozenset[str], frozenset[str], frozenset[str] | None, bool]


@dataclass(frozen=True, slots=True)
class Screen:
    """Who can serve a request.

    Args:
        codes: For each candidate 0 or the code of what excludes it.
        eligible: Indices of the others.
        smallest_context: The smallest context window among them.
        down: Whether those eligible are down, and stay in for want of any other.
    """

    codes: Codes
    eligible: Ints
    smallest_context: int
    down: bool = False


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """Everything about the candidates that does not depend on the request. Immutable.

    Built by :meth:`router.Router.pool`. Arrays run over the candidates in the order given;
    ``scores`` is (categories, candidates).
    """

    candidates: tuple[Candidate, ...]
    ids: npt.NDArray[np.object_]
    positions: Mapping[str, int]
    """Index of each candidate by its id."""
    scores: Floats
    planning: Floats
    """Scores that mappings are solved on, shape (C, E)."""
    known: Known | None
    """Which candidates the router's quality model knows."""
    size: Floats
    billions: Floats
    usd_per_token: Floats
    usd_per_answer: Floats
    latency: Floats
    """Seconds, NaN where unknown."""
    seconds: npt.NDArray[np.object_]
    """The same for people: ``None`` where unknown."""
    typical_latency: Floats
    """Seconds, where unknown the median of the known."""
    context_window: Ints
    available: Bools
    healthy: Bools
    restricted: Bools
    capabilities: Mapping[str, Bools]
    accepts: Mapping[str, Bools]
    category_ids: tuple[str, ...]
    tie_break: Floats
    """Tiny, rising: of equals the first comes first, and no stable (slower) sort is needed."""
    mappings: Mapping[str, Ints] = field(default_factory=dict)
    """Per policy the expert's index for each category."""
    infeasible: Mapping[str, InfeasibleBudget] = field(default_factory=dict)
    """Policies whose budget these candidates cannot keep; mapped with the nearest that they can."""
    _screens: dict[_Key, Screen] = field(default_factory=dict, repr=False, compare=False)

    def mapping(self, policy: str) -> dict[str, str]:
        """Return category id -> expert id, as solved for the policy; empty without candidates.

        Raises:
            KeyError: Where there is no such policy.
        """
        if not self.candidates:
            return {}
        chosen = self.mappings[policy]
        return {c: str(self.ids[e]) for c, e in zip(self.category_ids, chosen, strict=False)}

    def limited(self) -> Mapping[str, Floats]:
        """Return what mappings are solved with, by name: the effort, and all that is limited."""
        usd = self.costs_usd(TYPICAL_PROMPT_TOKENS)
        total = _numbers(self.candidates, lambda c: c.total_parameters or 0.0)
        return {
            "effort": effort(usd, self.size),
            "money_usd": usd,
            "active_parameters": self.billions,
            "latency_s": self.typical_latency,
            "resident_parameters": np.maximum(total, self.billions),
        }

    def usable(self) -> Bools:
        """Return which candidates a mapping may use, shape (E,); where none may, all."""
        usable: Bools = self.available & self.healthy & ~self.restricted
        return usable if usable.any() else np.ones_like(usable)

    def solve(self, policy: Policy) -> Solved:
        """Return the mapping these candidates have under a policy, one of the router's or another.

        Raises:
            SolverTimedOut: Where no mapping within a budget was found in time.
        """
        return solve_policy(
            policy,
            self.planning,
            self.limited(),
            self.usable(),
            self.positions,
            self.category_ids,
        )

    def costs_usd(self, prompt_tokens: int) -> Floats:
        """Return the expected US dollars of one request at each expert, shape (E,)."""
        return self.usd_per_token * prompt_tokens + self.usd_per_answer

    def cost(self, policy: Policy, usd: Floats) -> Floats:
        """Return what a policy's price is paid in, at each expert, shape (E,)."""
        if policy.paid_in == "effort":
            return effort(usd, self.size)
        if policy.paid_in == "money_usd":
            return usd
        return self.billions if policy.paid_in == "active_parameters" else self.typical_latency

    def exclusions(self, request: RouteRequest) -> Codes:
        """Return for each candidate 0 (eligible) or 1 + its index in ``EXCLUSIONS``."""
        return self.screen(request, self.costs_usd(request.prompt_tokens)).codes

    def without(self, down: Collection[str]) -> CandidatePool:
        """Return the pool with some candidates down; what is mapped to them stays, for later.

        Takes microseconds: nothing is solved anew.
        """
        healthy = self.healthy.copy()
        healthy[[self.positions[id_] for id_ in down if id_ in self.positions]] = False
        return replace(self, healthy=healthy, _screens={})

    def screen(self, request: RouteRequest, usd: Floats) -> Screen:
        """Find who can serve a request.

        What depends on its needs, features and allow-list alone is worked out once for all such
        requests. Where health alone leaves nobody, those that are down stay in: to try one is
        better than to refuse.

        Args:
            request: The request.
            usd: Expected cost at each expert, shape (E,).
        """
        screen = self._limited(request, usd, self._standing(request, down=False))
        if not len(screen.eligible) and CODES["unhealthy"] in screen.codes:
            tried = self._limited(request, usd, self._standing(request, down=True))
            return tried if len(tried.eligible) else screen
        return screen

    def _limited(self, request: RouteRequest, usd: Floats, screen: Screen) -> Screen:
        """Apply what depends on length or cost."""
        tokens = request.prompt_tokens
        limits: list[tuple[Exclusion, Bools]] = []
        if tokens >= screen.smallest_context:
            limits.append(("context_window", self.context_window <= tokens))
        if request.max_cost is not None:
            limits.append(("max_cost", usd > request.max_cost))
        if request.max_latency is not None:
            limits.append(("max_latency", self.latency > request.max_latency))
        if not limits:
            return screen
        codes = screen.codes.copy()
        for name, barred in limits:
            codes[barred & (codes == 0)] = CODES[name]
        return Screen(codes, np.flatnonzero(codes == 0), 0, screen.down)

    def _standing(self, request: RouteRequest, *, down: bool) -> Screen:
        """Return what does not depend on length or cost, worked out once.

        Args:
            request: The request.
            down: Whether those that are down are let through.
        """
        key = (request.needs, request.features, request.allowed, down)
        screen = self._screens.get(key)
        if screen is None:
            screen = self._screened(request, down=down)
            if len(self._screens) < _MAX_SCREENS:
                self._screens[key] = screen
        return screen

    def _screened(self, request: RouteRequest, *, down: bool) -> Screen:
        """Look for each exclusion, the weakest reason first."""
        codes = np.zeros(len(self.candidates), dtype=np.int8)
        if self.accepts:
            barred = self.restricted.copy()
            for feature in request.features:
                if feature in self.accepts:
                    barred &= ~self.accepts[feature]
            codes[barred] = CODES["input"]
        for need in request.needs:
            having = self.capabilities.get(need)
            codes[slice(None) if having is None else ~having] = CODES["capability"]
        if request.allowed is not None:
            allowed = np.array([id_ in request.allowed for id_ in self.positions], dtype=bool)
            codes[~allowed] = CODES["not_allowed"]
        if not down:
            codes[~self.healthy] = CODES["unhealthy"]
        codes[~self.available] = CODES["disabled"]
        eligible = np.flatnonzero(codes == 0)
        smallest = int(self.context_window[eligible].min()) if len(eligible) else 0
        return Screen(codes, eligible, smallest, down)


def build_pool(
    candidates: Iterable[Candidate],
    taxonomy: Taxonomy,
    policies: Sequence[Policy],
    quality: QualityModel | None = None,
    planned: Floats | None = None,
) -> CandidatePool:
    """Precompute the arrays of a catalogue snapshot and solve each policy's mapping.

    Args:
        candidates: The experts.
        taxonomy: The categories.
        policies: The trade-offs.
        quality: What was learnt of some of the experts.
        planned: Scores of these to solve mappings on, (C, experts of ``quality``); by default the
            scores that are expected.

    Raises:
        ValueError: Where an id is there twice.
    """
    found = tuple(candidates)
    positions = {candidate.id: index for index, candidate in enumerate(found)}
    if len(positions) < len(found):
        raise ValueError("candidates: an id is there twice")
    scores = prior_scores(taxonomy.categories, found)
    known = known_to(quality, tuple(positions))
    if quality is not None and known is not None:
        scores = placed_scores(scores, quality, known)
    planning = scores
    if planned is not None and known is not None:
        planning = planned_scores(scores, planned, known)
    latency = _numbers(found, lambda c: np.nan if c.latency is None else c.latency)
    pool = CandidatePool(
        candidates=found,
        ids=_objects(list(positions)),
        positions=MappingProxyType(positions),
        scores=scores,
        planning=planning,
        known=known,
        size=size_index(sizes(found)),
        billions=sizes(found),
        usd_per_token=1e-6 * np.nan_to_num(_numbers(found, lambda c: c.price_in)),
        usd_per_answer=1e-6
        * EXPECTED_ANSWER_TOKENS
        * np.nan_to_num(_numbers(found, lambda c: c.price_out)),
        latency=latency,
        seconds=_objects([None if np.isnan(s) else s for s in latency.tolist()]),
        typical_latency=_typical(latency),
        context_window=np.array([c.context_window for c in found], dtype=np.intp),
        available=np.array([c.available for c in found], dtype=bool),
        healthy=np.array([c.healthy for c in found], dtype=bool),
        restricted=np.array([bool(c.accepts) for c in found], dtype=bool),
        capabilities=_membership([c.capabilities for c in found]),
        accepts=_membership([c.accepts for c in found]),
        category_ids=taxonomy.ids,
        tie_break=np.arange(len(found), dtype=np.float64) * 1e-12,
    )
    return _mapped(pool, policies) if found else pool


def _mapped(pool: CandidatePool, policies: Sequence[Policy]) -> CandidatePool:
    """Solve each policy's mapping."""
    solved = {policy.name: pool.solve(policy) for policy in policies}
    return replace(
        pool,
        mappings=MappingProxyType({name: each.assignment for name, each in solved.items()}),
        infeasible=MappingProxyType(
            {name: each.infeasible for name, each in solved.items() if each.infeasible}
        ),
    )


def _typical(latency: Floats) -> Floats:
    """Return seconds, where unknown (NaN) the median of the known, and 0 where all are unknown."""
    unknown = np.isnan(latency)
    if not unknown.any():
        return latency
    filled: Floats = np.where(unknown, 0.0 if unknown.all() else np.nanmedian(latency), latency)
    return filled


def _numbers(candidates: Sequence[Candidate], of: Callable[[Candidate], float]) -> Floats:
    """Return a number of each candidate; what is negative or infinite counts as nothing."""
    numbers = np.array([of(candidate) for candidate in candidates], dtype=np.float64)
    numbers[np.isinf(numbers) | (numbers < 0)] = 0.0
    return numbers


def _objects(values: list[Any]) -> npt.NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _membership(sets: Sequence[frozenset[str]]) -> Mapping[str, Bools]:
    names = sorted(frozenset().union(*sets))
    return MappingProxyType({n: np.array([n in s for s in sets], dtype=bool) for n in names})
