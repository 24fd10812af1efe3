"""Which of an expert's endpoints serves a call: the one with the least to do for its weight."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from experts.calling.breaker import Breaker
from experts.calling.percentile import Durations
from experts.catalogue.expert import Endpoint


@dataclass(slots=True, eq=False)
class Replica:
    """One endpoint of one expert, as this process knows it.

    Args:
        expert: Id of the expert.
        name: What it is called in public: its URL without anything secret.
        endpoint: What the entry says of it.
        breaker: Whether it is to be called at all.
    """

    expert: str
    name: str
    endpoint: Endpoint
    breaker: Breaker
    outstanding: int = 0
    """Calls under way."""
    rests_until: float = 0.0
    """It asked to be left alone until then."""
    changed_at: float = -math.inf
    """When its breaker last opened or closed, as far as this process knows."""
    durations: Durations = field(default_factory=Durations)
    """Seconds that its answers took, where somebody wants to know."""
    turn: float = 0.0
    """When it is its turn among equals: grows with every choice, the less the more it weighs."""

    def load(self) -> float:
        """Return its calls under way, for its weight."""
        return self.outstanding / self.endpoint.weight

    def ready(self, now: float) -> bool:
        """Tell whether a call sent there has a chance."""
        closed = self.breaker.opened_at is None
        return (closed or self.breaker.admits(now)) and now >= self.rests_until


def choose(replicas: Sequence[Replica], now: float, avoid: Container[Replica] = ()) -> Replica:
    """Return the endpoint for the next call, and count it as chosen.

    Those that are ready come first; then whoever is tried again soonest, since to try one is better
    than to refuse. Among those that are ready, the one with the fewest calls under way for its
    weight; among equals they take turns as their weights say (stride scheduling, Waldspurger 1995).

    Args:
        replicas: Those of one expert; at least one is not to be avoided.
        now: The time.
        avoid: Those that were tried already.
    """
    if len(replicas) == 1:
        return replicas[0]
    chosen, least, behind = None, (math.inf, math.inf), 0.0
    for one in replicas:
        if one in avoid or not one.ready(now):
            continue
        place = (one.load(), one.turn)
        if place < least:
            chosen, least = one, place
        # Who comes back after a while starts where the others are, instead of catching up at once.
        behind = max(behind, one.turn - 1.0 / one.endpoint.weight)
    if chosen is None:
        left = [one for one in replicas if one not in avoid]
        return min(left, key=lambda one: max(one.breaker.until, one.rests_until))
    chosen.turn = max(chosen.turn, behind) + 1.0 / chosen.endpoint.weight
    return chosen
