"""What can be said of experts before any of their answers was judged: expected scores and costs.

Scores here are a prior. Their shape is that of measured scores, a matrix of categories by experts,
so that evidence can take their place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from router.decision import Candidate
from router.mapping.arrays import Bools, Floats, Ints
from router.mapping.policy import Policy
from router.taxonomy import GENERAL, Category

TYPICAL_PROMPT_TOKENS = 500
EXPECTED_ANSWER_TOKENS = 400
"""Tokens an answer is expected to have, for costs before the fact."""

_UNKNOWN_BILLIONS = 7.0
_LARGEST_BILLIONS = 400.0
_SMALLEST_QUALITY = 0.3
_SIZE_GAIN = 0.6
_SPECIALIST_GAIN = 0.3
_OFF_FIELD_LOSS = 0.1
_CHEAP_USD, _DEAR_USD = 1e-4, 1e-1
_EFFORT_OF_SIZE = 0.3


def sizes(candidates: Sequence[Candidate]) -> Floats:
    """Return active parameters in billions, estimated from the price where they are unknown.

    Hosted models cost roughly a dollar per million answer tokens for each 70 billion active
    parameters. Where the price is unknown too (zero), a small model of 7 billion is assumed.
    """
    found = []
    for candidate in candidates:
        price = max(candidate.price_out, candidate.price_in)
        billions = candidate.active_parameters
        if billions is None:
            billions = 70.0 * price if price > 0 else _UNKNOWN_BILLIONS
        found.append(min(max(billions, 0.01), _LARGEST_BILLIONS))
    return np.array(found, dtype=np.float64)


def size_index(billions: Floats) -> Floats:
    """Map active parameters to 0..1 on a logarithmic scale: 0.5 is about 19 billion."""
    index: Floats = np.log2(1.0 + billions) / np.log2(1.0 + _LARGEST_BILLIONS)
    return index


def prior_scores(categories: Sequence[Category], candidates: Sequence[Candidate]) -> Floats:
    r"""Return the expected quality of each expert in each category, shape (C, E), within 0..1.

    With z the :func:`size_index`, and tags that equal a category's id marking a specialist::

        base(e)  = 0.3 + 0.6 z(e)
        s(c, e)  = base + 0.3 (1 - base)      e is tagged for c
                 = base + 0.15 (1 - base)     e is tagged for the parent of c
                 = base (1 - 0.1)             e is tagged for other categories only
                 = base                       e is tagged for none, or for ``general`` as well

    A specialist gains less the better it is already; outside its field it loses a little, unless
    it claims to be a generalist too. So a small specialist passes a generalist several times its
    size, not one a hundred times as large ("Limited Impact of Medical Adaptation of Large Language
    and Vision-Language Models", 2024: the adapted model wins 22.7 % and loses 40.5 % of comparisons).
    """
    base = _SMALLEST_QUALITY + _SIZE_GAIN * size_index(sizes(candidates))
    ids = [category.id for category in categories]
    fields = set(ids)
    tagged = np.array([[id_ in c.tags for c in candidates] for id_ in ids], dtype=bool)
    tagged = tagged.reshape(len(ids), len(candidates))
    above = np.zeros_like(tagged)
    for row, category in enumerate(categories):
        if category.parent in fields:
            above[row] = tagged[ids.index(category.parent)]
    generalist = np.array(
        [GENERAL in c.tags or not (c.tags & fields) for c in candidates], dtype=bool
    )
    gain = _SPECIALIST_GAIN * np.where(tagged, 1.0, np.where(above, 0.5, 0.0))
    loss = np.where(~tagged & ~above & ~generalist, _OFF_FIELD_LOSS, 0.0)
    scores: Floats = base + gain * (1.0 - base) - loss * base
    return scores


def costs_usd(prices_in: Floats, prices_out: Floats, prompt_tokens: int) -> Floats:
    """Return the expected US dollars of one request at each expert, shape (E,)."""
    usd: Floats = (prices_in * prompt_tokens + prices_out * EXPECTED_ANSWER_TOKENS) * 1e-6
    return usd


def effort(usd: Floats, size: Floats) -> Floats:
    """Map dollars to 0..1 on a logarithmic scale, 0 for free and 1 for 0.10 dollars or more.

    The scale is fixed, so that one expensive expert in the catalogue does not change how the
    others compare. What is free still occupies a machine: the size counts for at least 0.3 of it.

    Args:
        usd: Expected US dollars of one request, shape (E,).
        size: The experts' :func:`size_index`, shape (E,).
    """
    money = np.log1p(usd / _CHEAP_USD) / np.log1p(_DEAR_USD / _CHEAP_USD)
    both: Floats = np.maximum(np.minimum(money, 1.0), _EFFORT_OF_SIZE * size)
    return both


def solve(scores: Floats, costs: Floats, policy: Policy, eligible: Bools) -> Ints:
    """Assign an expert to each category, greedily: the best ``score - weight * cost``.

    Args:
        scores: Expected quality, shape (C, E).
        costs: What the policy is paid in, at each expert, such as its :func:`effort`; shape (E,).
        policy: The trade-off.
        eligible: Which experts may be assigned, shape (E,); where none may, all are.

    Returns:
        The expert's index for each category, shape (C,); of equals the first.
    """
    objective = scores - policy.weight * costs
    if eligible.any():
        objective = np.where(eligible, objective, -np.inf)
    chosen: Ints = np.argmax(objective, axis=1)
    return chosen
