"""What traffic says about which models will be wanted: today's, and over a long window.

Two views are kept. The recent one says which kinds of requests come now, the long one which models answer
each kind, and how much each model is needed over all. What is expected is the mean of both, so a burst in
one domain makes its models warm, and does not throw out those that the long window says are needed (a load
balanced over a global window, as in Demons in the Detail, arXiv 2501.11873, rather than over what was seen
last). Models without real mass in today's kinds are not kept warm (as PreMoe does with experts within a
model, arXiv 2505.17639).

Counts decay by giving later requests exponentially larger weights (forward decay, Cormode et al. 2009).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

_RESCALE_AT = 1e100
_STAYS = 2.0
_AT_LEAST = 1e-3
_SHARES_EVERY = 1.0


class Decayed:
    """Counts by name that lose half of their weight in a fixed time.

    Args:
        half_life: Seconds.
    """

    def __init__(self, half_life: float) -> None:
        self._rate = math.log(2.0) / half_life
        self._origin: float | None = None
        self._counts: dict[str, float] = {}

    def add(self, name: str, weight: float, now: float) -> None:
        """Count something.

        Args:
            name: What.
            weight: How much of it.
            now: Seconds.
        """
        if self._origin is None:
            self._origin = now
        unit = math.exp(min(self._rate * (now - self._origin), 700.0))
        if unit > _RESCALE_AT:
            self._counts = {
                each: kept for each, count in self._counts.items() if (kept := count / unit) > 1e-12
            }
            self._origin, unit = now, 1.0
        self._counts[name] = self._counts.get(name, 0.0) + weight * unit

    def shares(self) -> dict[str, float]:
        """Return each name's share of all; empty where nothing was counted."""
        total = sum(self._counts.values())
        return {name: count / total for name, count in self._counts.items()} if total else {}


class Traffic:
    """Requests as they came, and what they say of those to come.

    Args:
        recent_seconds: Half-life of the recent view.
        window_seconds: Half-life of the long one.
    """

    def __init__(self, recent_seconds: float, window_seconds: float) -> None:
        self._window_seconds = window_seconds
        self._recent_kinds = Decayed(recent_seconds)
        self._models = Decayed(window_seconds)
        self._by_kind: dict[str, Decayed] = {}
        self._seen_at: dict[str, float] = {}
        self._shares: dict[str, float] = {}
        self._shares_at = -math.inf

    def seen(
        self,
        model: str,
        now: float,
        category: str | None = None,
        probabilities: Mapping[str, float] | None = None,
        likely: Mapping[str, float] | None = None,
    ) -> None:
        """Count a request.

        Args:
            model: The one that answers.
            now: Seconds.
            category: What kind of request it is; ``None``: each model is a kind of its own.
            probabilities: How likely the router thought each model, where it said so.
            likely: How likely it thought each kind of request, where it said so. Kinds that come with
                some probability raise the models that answer them, though this request is another's.
        """
        self._seen_at[model] = now
        if likely and category is not None:
            for each, probability in likely.items():
                self._recent_kinds.add(f"category {each}", probability, now)
        for each, probability in (probabilities or {model: 1.0}).items():
            kind = f"model {each}" if category is None else f"category {category}"
            if not likely or category is None:
                self._recent_kinds.add(kind, probability, now)
            self._models.add(each, probability, now)
            if kind not in self._by_kind:
                self._by_kind[kind] = Decayed(self._window_seconds)
            self._by_kind[kind].add(each, probability, now)

    def shares(self, now: float) -> dict[str, float]:
        """Return for each model the share of the coming requests that is expected for it.

        Worked out anew once a second at most: it takes a while where there are many models.

        Args:
            now: Seconds.
        """
        if now >= self._shares_at + _SHARES_EVERY:
            self._shares, self._shares_at = self._worked_out(), now
        return self._shares

    def need(self, model: str, now: float) -> float:
        """Return how soon a model is likely to be asked for again, as a number to compare by.

        Conversations make what was just asked for likelier, whatever its share; so the share counts
        by its root, over the time since. Neither share nor recency alone does as well on traces with both.

        Args:
            model: Which.
            now: Seconds.
        """
        since = max(now - self._seen_at.get(model, -math.inf), _AT_LEAST)
        return math.sqrt(self.shares(now).get(model, 0.0)) / since

    def _worked_out(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for model, share in self._models.shares().items():
            found[model] = share / 2.0
        # Of a kind that was likely and never came, nobody knows who would answer.
        kinds = {k: share for k, share in self._recent_kinds.shares().items() if k in self._by_kind}
        total = sum(kinds.values())
        for kind, share in kinds.items():
            for model, given_kind in self._by_kind[kind].shares().items():
                found[model] = found.get(model, 0.0) + share / total * given_kind / 2.0
        return found


def warm_set(
    densities: Mapping[str, float],
    size: Callable[[str], int],
    capacity: float,
    there: Collection[str],
) -> tuple[str, ...]:
    """Return the models worth having in memory before they are asked for, the best first.

    Those that save the most waiting for each byte, until memory is full.

    Args:
        densities: What having a model saves, for each byte that it takes.
        size: Bytes of a model.
        capacity: Bytes.
        there: What is in memory. It counts for more, since to bring something else costs a load,
            and so that two that are wanted about as much do not take turns.
    """
    weights = {
        model: density * (_STAYS if model in there else 1.0) for model, density in densities.items()
    }
    chosen = []
    for model in sorted(weights, key=lambda each: (-weights[each], each)):
        if size(model) <= capacity:
            chosen.append(model)
            capacity -= size(model)
    return tuple(chosen)
