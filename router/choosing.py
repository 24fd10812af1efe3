"""Step two: which of those that can serve a request gets it, by which rule, and who is next."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from router.decision import CandidateView, Exclusion, RouteRequest, Rule
from router.exploration import EXPLORED, explored
from router.mapping import Floats, Ints, Policy
from router.pool import EXCLUSIONS, CandidatePool, Screen

MAX_VIEWS = 20
"""A decision describes at most this many ranked and this many excluded experts."""
TIE = 0.01
"""Expected quality, less weighted cost, by which an expert must beat the one mapped to the category.

What a model expects is not that exact, and the surface of a prompt moves it as far: without a
margin, a comma decides between two experts that are as good as each other. Not where a price keeps
a budget: it lies where many prompts are near a tie, and the budget would not be kept."""
_PLAUSIBLE = 0.02  # what takes only audio, say, is chosen by its field; that may be hard to tell
_EXECUTABLE = "executable"


class Choice(NamedTuple):
    """Who leads, and why."""

    expert: int
    rule: Rule


@dataclass(frozen=True)
class Options:
    """Those that can serve a request, and what each is worth.

    Args:
        pool: The candidates.
        screen: Who can serve it.
        quality: Expected, shape (E,).
        usd: Expected cost, shape (E,).
        loss: What the policy minimises, shape (E,).
        floor: The request's ``quality_floor``: ranks by cost those that reach it.
    """

    pool: CandidatePool
    screen: Screen
    quality: Floats
    usd: Floats
    loss: Floats
    floor: float | None = None

    def best(self) -> int:
        """Return the eligible expert that comes first."""
        eligible = self.screen.eligible
        if self.floor is not None:
            return int(self.order[0])
        if len(eligible) == len(self.loss):
            return int(self.loss.argmin())
        return int(eligible[self.loss[eligible].argmin()])

    @cached_property
    def order(self) -> Ints:
        """All eligible experts, best first."""
        eligible = self.screen.eligible
        if self.floor is None:
            return eligible[np.argsort(self.loss[eligible])]
        return self._by_floor(self.floor)

    def reaches(self, expert: int) -> bool:
        """Tell whether an expert is expected to reach the floor."""
        return self.floor is not None and bool(self.quality[expert] >= self.floor)

    def _by_floor(self, floor: float) -> Ints:
        """Put those first that reach the floor, the cheapest first; then the others, by quality."""
        eligible = self.screen.eligible
        quality, usd = self.quality[eligible], self.usd[eligible]
        short = quality < floor
        first = np.where(short, -quality, usd)
        second = np.where(short, usd, self.pool.billions[eligible])
        tie = self.pool.tie_break[eligible] - np.where(short, 0.0, quality)
        order: Ints = eligible[np.lexsort((tie, second, first, short))]
        return order


@dataclass(frozen=True)
class Ranking:
    """The options with their leader in front; worked out only if it is looked at."""

    options: Options
    leader: int

    @cached_property
    def _order(self) -> Ints:
        order = self.options.order
        if order[0] == self.leader:
            return order
        return np.concatenate(([self.leader], order[order != self.leader]))

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all eligible experts."""
        return tuple(self.options.pool.ids[self._order].tolist())

    def views(self) -> tuple[CandidateView, ...]:
        """Describe the first of them, and behind them the first of the excluded."""
        screen = self.options.screen
        shown = self._order[:MAX_VIEWS]
        reasons: list[Exclusion | None] = [None] * len(shown)
        if len(screen.eligible) < len(screen.codes):
            excluded = np.flatnonzero(screen.codes)[:MAX_VIEWS]
            reasons += [EXCLUSIONS[code - 1] for code in screen.codes[excluded].tolist()]
            shown = np.concatenate((shown, excluded))
        return views(self.options, shown, reasons)


def views(
    options: Options, shown: Ints, reasons: list[Exclusion | None]
) -> tuple[CandidateView, ...]:
    """Describe some of the candidates."""
    pool = options.pool
    ids, seconds = pool.ids[shown].tolist(), pool.seconds[shown].tolist()
    quality, usd = options.quality[shown].tolist(), options.usd[shown].tolist()
    return tuple(map(CandidateView, ids, quality, usd, reasons, seconds))


def choose(
    request: RouteRequest,
    options: Options,
    policy: Policy,
    *,
    category: int,
    unsure: bool,
    probabilities: Floats,
    per_prompt: bool,
    remembered: int | None,
) -> Choice:
    """Pick the expert that leads.

    The first rule that applies: the only one that can; the one made for such input; the caller's
    quality floor; the prompt by itself, where the policy weighs each and another expert beats the
    mapped one by more than ``TIE``; the category's mapping, or the best of the rest where the mapped
    one cannot serve.

    Args:
        request: What is to be routed.
        options: Who can serve it.
        policy: The trade-off.
        category: Index of the category whose mapping is used.
        unsure: Whether that is ``general`` for want of a better one.
        probabilities: Of all categories.
        per_prompt: Whether each prompt is weighed by itself.
        remembered: Whom the outcomes of similar requests put first, if they change who is.
    """
    pool, eligible = options.pool, options.screen.eligible
    if len(eligible) == 1:
        return Choice(int(eligible[0]), "only_candidate")
    specialist = _specialist(request, options, category, probabilities)
    if specialist is not None:
        return Choice(specialist, "specialist_input")
    if options.floor is not None:
        return Choice(options.best(), "quality_floor")
    mapped = int(pool.mappings[policy.name][category])
    if remembered is not None and remembered != mapped:
        return Choice(remembered, "memory")
    code = int(options.screen.codes[mapped])
    if code:
        missing = EXCLUSIONS[code - 1]
        limited = missing if missing in {"max_cost", "max_latency"} else "no_mapped_candidate"
        return Choice(options.best(), limited)
    if unsure:
        return Choice(mapped, "uncertain")
    best = options.best() if per_prompt else mapped
    tie = TIE if policy.price is None else 0.0
    if options.loss[mapped] - options.loss[best] <= tie:
        return Choice(mapped, "category")
    return Choice(best, "instance")


def explore(request: RouteRequest, ranking: Ranking, share: float, salt: str) -> int | None:
    """Return another eligible expert for a request that explores, ``None`` for all others.

    Experts that take only special input are not tried: where they are eligible they lead anyway.
    """
    if share <= 0.0 or not request.request_id:
        return None
    options = ranking.options
    others = [
        index
        for index in options.order[: EXPLORED + 1].tolist()
        if index != ranking.leader and not options.pool.restricted[index]
    ]
    chosen = explored(request.request_id, share, salt, len(others))
    return None if chosen is None else others[chosen]


def _specialist(
    request: RouteRequest, options: Options, category: int, probabilities: Floats
) -> int | None:
    """Return the best of those made for such input, if there is one.

    Those tagged for a category that is not unlikely come first. An interpreter needs no field: that
    code or arithmetic can be executed is certain, however hard bare numbers are to classify.
    """
    pool = options.pool
    if not pool.accepts or not request.features:
        return None
    order = options.order
    special = order[pool.restricted[order]].tolist()
    if not special:
        return None
    plausible = {category, *np.flatnonzero(probabilities >= _PLAUSIBLE).tolist()}
    fields = {pool.category_ids[index] for index in plausible}
    tagged = next((i for i in special if pool.candidates[i].tags & fields), None)
    if tagged is not None or _EXECUTABLE not in request.features:
        return tagged
    return next((i for i in special if _EXECUTABLE in pool.candidates[i].accepts), None)
