"""Verdicts of a judge who compared two answers, as rows of a data set hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from router.data import DatasetInvalid, Scores
from router.quality.judgements import Judgement, Outcome, win_rates

_OUTCOMES: Mapping[str, Outcome] = {"a": "win", "b": "loss", "tie": "tie"}
_TURNED: Mapping[Outcome, Outcome] = {"win": "loss", "loss": "win", "tie": "tie"}
_ORDERS = ("ab", "ba")


class Verdict(NamedTuple):
    """Who was shown first, who second, and what became of the first."""

    first: str
    second: str
    outcome: Outcome


def verdicts_of(comparisons: object, name: str) -> Iterator[Verdict]:
    """Read a list of comparisons.

    Args:
        comparisons: A list of objects with ``a``, ``b``, ``winner`` (``a``, ``b`` or ``tie``) and
            perhaps ``order`` (``ab``: a was shown first, as it is taken to be without; ``ba``).
        name: Of the field, for messages.

    Raises:
        DatasetInvalid: Naming the field.
    """
    if not isinstance(comparisons, Sequence) or isinstance(comparisons, str | bytes):
        raise DatasetInvalid(f"{name}: is not a list of comparisons")
    for number, entry in enumerate(comparisons):
        if not isinstance(entry, Mapping):
            raise DatasetInvalid(f"{name}[{number}]: is not an object with a, b and winner")
        yield verdict_of(entry, f"{name}[{number}].")


def verdict_of(entry: Mapping[str, Any], prefix: str = "") -> Verdict:
    """Read one comparison.

    Raises:
        DatasetInvalid: Naming the field.
    """
    a, b = (_expert(entry.get(name), prefix + name) for name in ("a", "b"))
    if a == b:
        raise DatasetInvalid(f"{prefix}b: {b!r} is compared with itself")
    winner = entry.get("winner")
    outcome = _OUTCOMES.get(winner) if isinstance(winner, str) else None
    if outcome is None:
        raise DatasetInvalid(f"{prefix}winner: {winner!r} is not a, b or tie")
    order = entry.get("order") or "ab"
    if order not in _ORDERS:
        raise DatasetInvalid(f"{prefix}order: {order!r} is not ab or ba")
    return Verdict(a, b, outcome) if order == "ab" else Verdict(b, a, _TURNED[outcome])


def _expert(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise DatasetInvalid(
            f"{name}: is {'missing' if value is None else 'not the id of an expert'}"
        )
    return value


def merged(graded: Scores, judgements: Sequence[Judgement], experts: Sequence[str]) -> Scores:
    """Return scores with win rates where there is no grade, shape (n, E).

    An expert that was graded on a prompt keeps its grade there.

    Args:
        graded: Shape (n, E), NaN where not graded.
        judgements: With row numbers below n.
        experts: In the order of the columns.
    """
    rates = win_rates(judgements, experts, len(graded))
    scores: Scores = np.where(np.isnan(graded), rates, graded)
    return scores
