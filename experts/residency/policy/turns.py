"""Whose turn it is, under the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from experts.residency.policy import grouping
from experts.residency.policy.values import Rules, Tier


@dataclass(frozen=True, slots=True)
class Turns:
    """Who is next.

    Args:
        order: Models that requests wait for.
        due: Those of them that have to be next.
        due_at: When the next one will have to, in seconds.
    """

    order: tuple[str, ...]
    due: tuple[str, ...]
    due_at: float

    def there(self, tier: Tier) -> bool:
        """Tell whether all that requests wait for is in memory, or about to be."""
        return all(model in tier.residents for model in self.order)


NOBODY = Turns((), (), math.inf)
"""Where nothing waits."""


def turns_of(groups: Sequence[grouping.Group], rules: Rules, now: float) -> Turns:
    """Return whose turn it is.

    Args:
        groups: All that wait.
        rules: Say in which order they are served.
        now: Seconds.
    """
    if rules.order == "fcfs":
        order = grouping.by_age(groups)
        return Turns(order, order[:1], math.inf)
    due = grouping.due(groups, now, rules.max_wait)
    moments = grouping.due_moments(groups, rules.max_wait)
    return Turns(grouping.in_order(groups, due), due, min(moments, default=math.inf))
