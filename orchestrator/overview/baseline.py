"""The best single expert, and what all would have cost there: against that a router's saving is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from experts.catalogue.expert import Expert
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage
from router import CandidatePool

METHOD = (
    "The best single expert is the enabled one that the active router expects to answer best on average"
    " over its categories, each weighted by its requests in this range (equally where there are none)."
    " Saved is what the tokens of the requests that the router decided would have cost there at today's"
    " price, less what they did cost. Requests that named their expert are left out; prices for long"
    " prompts and tiers of service are not reckoned with."
)


@dataclass(frozen=True, slots=True)
class Baseline:
    """An expert that others are compared with.

    Args:
        expert: Its entry.
        quality: Expected on average, 0 to 1.
    """

    expert: Expert
    quality: float

    @property
    def priced(self) -> bool:
        """Whether its entry has a price."""
        return self.expert.price.input > 0 or self.expert.price.output > 0

    def nanos(self, sums: Mapping[str, int]) -> int:
        """Return what tokens would cost here, in billionths of a US dollar.

        Args:
            sums: ``prompt_tokens`` and the like.
        """
        price = self.expert.price
        if price.tiers or price.service_tiers:
            price = price.model_copy(update={"tiers": (), "service_tiers": ()})
        usage = Usage(
            sums["prompt_tokens"],
            sums["completion_tokens"],
            cached_tokens=sums["cached_tokens"],
            reasoning_tokens=sums["reasoning_tokens"],
            cache_write_tokens=sums["cache_write_tokens"],
        )
        return cost_in_nanos(usage, price)


def best_single(
    pool: CandidatePool, experts: Mapping[str, Expert], requests: Mapping[str, int]
) -> Baseline | None:
    """Return the expert that is best on average; of equals the cheapest, then the first by id.

    Args:
        pool: The active router's candidates.
        experts: Entries by id.
        requests: How many there were of each category.
    """
    weights = np.array([max(requests.get(name, 0), 0) for name in pool.category_ids], np.float64)
    if not weights.any():
        weights = np.ones(len(pool.category_ids))
    if not len(pool.ids) or not len(weights):
        return None
    quality = weights @ pool.scores / weights.sum()
    usable = [
        (-round(float(quality[place]), 9), float(pool.usd_per_answer[place]), str(id_), place)
        for place, id_ in enumerate(pool.ids)
        if pool.available[place]
        and not pool.restricted[place]  # one that takes some requests only cannot answer all
        and str(id_) in experts
    ]
    if not usable:
        return None
    _, _, id_, place = min(usable)
    return Baseline(experts[id_], float(quality[place]))
