"""Which of an expert's endpoints serves a call."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from experts.catalogue.expert import Endpoint

_GOLDEN = 0.618033988749895
_NOWHERE = Endpoint()


def choose_endpoint(endpoints: Sequence[Endpoint], turn: int) -> Endpoint:
    """Return the endpoint for the n-th call, each as often as its weight says.

    Multiples of the golden ratio fill the unit interval evenly, so the shares are right over short
    stretches too, without randomness and without state but the turn.

    Args:
        endpoints: Replicas of each other; may be empty where the provider needs no address.
        turn: How many calls came before.
    """
    if len(endpoints) <= 1:
        return endpoints[0] if endpoints else _NOWHERE
    bounds = list(accumulate(endpoint.weight for endpoint in endpoints))
    place = (turn * _GOLDEN) % 1.0 * bounds[-1]
    return next(
        (one for one, bound in zip(endpoints, bounds, strict=True) if place < bound),
        endpoints[-1],
    )
