"""Verdicts of a judge who saw two answers, turned into scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from router.data import DatasetInvalid

Floats = npt.NDArray[np.float64]
Outcome = Literal["win", "tie", "loss"]

WORTH: Mapping[str, float] = {"win": 1.0, "tie": 0.5, "loss": 0.0}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One verdict.

    Args:
        row: Number of the prompt.
        first: The expert whose answer was shown first.
        second: The other.
        outcome: Of the first.
    """

    row: int
    first: str
    second: str
    outcome: Outcome


def win_rates(judgements: Iterable[Judgement], experts: Sequence[str], rows: int) -> Floats:
    """Return each expert's win rate on each prompt, NaN where it was not judged, shape (rows, E).

    A tie is half a win. Judges favour a position, so both orders of a pair weigh the same however
    often each was asked, and a judge who contradicts himself when the order is turned has called a
    tie. On one prompt an expert's score is its mean over its opponents.

    Args:
        judgements: In any order.
        experts: In the order of the columns.
        rows: Number of prompts.

    Raises:
        DatasetInvalid: Naming the verdict, if its prompt, expert or outcome is unknown, or it
            compares an expert with itself.
    """
    columns = {expert: column for column, expert in enumerate(experts)}
    shown: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    for number, judgement in enumerate(judgements):
        _check(number, judgement, columns, rows)
        key = (judgement.row, columns[judgement.first], columns[judgement.second])
        shown[key].append(WORTH[judgement.outcome])
    orders: dict[tuple[int, int, int], list[float]] = defaultdict(list)
    for (row, first, second), worths in shown.items():
        mean = sum(worths) / len(worths)
        orders[row, first, second].append(mean)
        orders[row, second, first].append(1.0 - mean)
    sums, opponents = np.zeros((rows, len(experts))), np.zeros((rows, len(experts)))
    for (row, expert, _), means in orders.items():
        sums[row, expert] += sum(means) / len(means)
        opponents[row, expert] += 1.0
    rates: Floats = np.where(opponents > 0, sums / np.maximum(opponents, 1.0), np.nan)
    return rates


def _check(number: int, judgement: Judgement, columns: Mapping[str, int], rows: int) -> None:
    for expert in (judgement.first, judgement.second):
        if expert not in columns:
            raise DatasetInvalid(f"judgement {number}: there is no expert {expert!r}")
    if judgement.first == judgement.second:
        raise DatasetInvalid(f"judgement {number} compares {judgement.first!r} with itself")
    if not 0 <= judgement.row < rows:
        raise DatasetInvalid(f"judgement {number}: there is no prompt {judgement.row}")
    if judgement.outcome not in WORTH:
        raise DatasetInvalid(
            f"judgement {number}: the outcome {judgement.outcome!r} is not win, tie or loss"
        )
