"""Plays decisions over recorded answers: many prompts at once, the rules those of one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from orchestrator.conductor.panel.belief import (
    Belief,
    Bools,
    Floats,
    Integers,
    best,
    heard,
)
from orchestrator.conductor.panel.choosing import Rules, choices
from orchestrator.conductor.panel.reliability import Reliability

_AT_ONCE = 500
"""Prompts that are decided at a time, to bound memory."""


class Played(NamedTuple):
    """What came of it, for n prompts.

    Args:
        answers: The one chosen, -1 for none, (n,).
        confidence: That it is right, (n,).
        asked: Who was asked, (n, E).
    """

    answers: Integers
    confidence: Floats
    asked: Bools


def play(
    reliability: Reliability,
    qualities: Floats,
    log_priors: Floats,
    answers: Integers,
    *,
    costs: Floats,
    price: float,
) -> Played:
    """Ask experts one after another until none is worth its price.

    Args:
        reliability: What answers are worth.
        qualities: Expected of each expert, (n, E).
        log_priors: Of each option, ``-inf`` where there is none, (n, K).
        answers: What each expert has answered, -1 for nothing that can be read, (n, E).
        costs: Of each expert, (E,).
        price: Of a unit of cost.
    """
    rules = reliability.rules(costs, price)
    parts = [
        _played(
            reliability.opening(qualities[rows], log_priors[rows]),
            answers[rows],
            rules,
        )
        for rows in _slices(len(answers), _AT_ONCE)
    ]
    return Played(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _slices(count: int, step: int) -> list[slice]:
    return [slice(start, start + step) for start in range(0, count, step)]


def _played(belief: Belief, answers: Integers, rules: Rules) -> Played:
    going = np.arange(len(answers))
    while len(going):
        part = belief.rows(going)
        chosen = choices(part, rules)
        goes = chosen >= 0
        going, chosen = going[goes], chosen[goes]
        part = part.rows(goes)
        heard(part, chosen, answers[going, chosen], rules.pairs)
        for whole, changed in zip(belief.arrays(), part.arrays(), strict=True):
            whole[going] = changed
    return Played(*best(belief), belief.asked)
