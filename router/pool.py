"""A snapshot of the catalogue, as arrays a decision can be made from in microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from router.decision import Candidate, Exclusion, RouteRequest
from router.mapping import (
    TYPICAL_PROMPT_TOKENS,
    Bools,
    Floats,
    Ints,
    Policy,
    costs_usd,
    effort,
    prior_scores,
    size_index,
    sizes,
    solve,
)
from router.taxonomy import Taxonomy

EXCLUSIONS: tuple[Exclusion, ...] = ("disabled", "capability", "input", "context_window")
"""In the order in which they are looked for; an excluded expert carries the first that holds."""


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """Everything about the candidates that does not depend on the request. Immutable.

    Built by :meth:`router.Router.pool`. Arrays run over the candidates in the order given;
    ``scores`` is (categories, candidates).
    """

    candidates: tuple[Candidate, ...]
    ids: npt.NDArray[np.object_]
    scores: Floats
    size: Floats
    price_in: Floats
    price_out: Floats
    context_window: Ints
    available: Bools
    restricted: Bools
    capabilities: Mapping[str, Bools]
    accepts: Mapping[str, Bools]
    mappings: Mapping[str, Ints]
    """Per policy the expert's index for each category."""
    category_ids: tuple[str, ...]
    tie_break: Floats
    """Tiny, rising: of equals the first comes first, and no stable (slower) sort is needed."""

    def mapping(self, policy: str) -> dict[str, str]:
        """Return category id -> expert id, as solved for the policy; empty without candidates.

        Raises:
            KeyError: Where there is no such policy.
        """
        chosen = self.mappings[policy]
        return {c: str(self.ids[e]) for c, e in zip(self.category_ids, chosen, strict=False)}

    def exclusions(self, request: RouteRequest) -> npt.NDArray[np.int8]:
        """Return for each candidate 0 (eligible) or 1 + its index in ``EXCLUSIONS``."""
        codes = np.zeros(len(self.candidates), dtype=np.int8)
        codes[self.context_window <= request.prompt_tokens] = 4
        if self.accepts:
            barred = self.restricted.copy()
            for feature in request.features:
                if feature in self.accepts:
                    barred &= ~self.accepts[feature]
            codes[barred] = 3
        for need in request.needs:
            having = self.capabilities.get(need)
            if having is None:
                codes[:] = 2
            else:
                codes[~having] = 2
        codes[~self.available] = 1
        return codes


def build_pool(
    candidates: Iterable[Candidate], taxonomy: Taxonomy, policies: Sequence[Policy]
) -> CandidatePool:
    """Precompute the arrays of a catalogue snapshot and solve each policy's mapping.

    Raises:
        ValueError: Where an id is there twice.
    """
    found = tuple(candidates)
    if len({candidate.id for candidate in found}) < len(found):
        raise ValueError("candidates: an id is there twice")
    ids = np.empty(len(found), dtype=object)
    ids[:] = [candidate.id for candidate in found]
    price_in = np.array([_finite(c.price_in) for c in found], dtype=np.float64)
    price_out = np.array([_finite(c.price_out) for c in found], dtype=np.float64)
    available = np.array([c.available for c in found], dtype=bool)
    restricted = np.array([bool(c.accepts) for c in found], dtype=bool)
    scores = prior_scores(taxonomy.categories, found)
    size = size_index(sizes(found))
    burden = effort(costs_usd(price_in, price_out, TYPICAL_PROMPT_TOKENS), size)
    usable = available & ~restricted
    return CandidatePool(
        candidates=found,
        ids=ids,
        scores=scores,
        size=size,
        price_in=price_in,
        price_out=price_out,
        context_window=np.array([c.context_window for c in found], dtype=np.intp),
        available=available,
        restricted=restricted,
        capabilities=_membership([c.capabilities for c in found]),
        accepts=_membership([c.accepts for c in found]),
        mappings=MappingProxyType(
            {p.name: solve(scores, burden, p, usable) for p in policies} if found else {}
        ),
        category_ids=taxonomy.ids,
        tie_break=np.arange(len(found), dtype=np.float64) * 1e-12,
    )


def _finite(price: float) -> float:
    return price if np.isfinite(price) and price > 0 else 0.0


def _membership(sets: Sequence[frozenset[str]]) -> Mapping[str, Bools]:
    names = sorted(frozenset().union(*sets))
    return MappingProxyType({n: np.array([n in s for s in sets], dtype=bool) for n in names})
