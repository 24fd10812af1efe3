"""Quality of choices, and the references it is read against. Pure functions of arrays.

``scores`` is always (n, E): how well each of E experts answered each of n prompts, 0 to 1, NaN
where not measured. A choice is an expert's index, ``choices`` is (n,). Most functions return one
value a prompt, so that any two of them can be compared pair by pair (:mod:`.intervals`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]


def mean(values: npt.NDArray[Any]) -> float:
    """Return the mean of the measured values, NaN where there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def means(values: Floats, axis: int) -> Floats:
    """Return the means of the measured values along an axis, NaN where there are none."""
    known = np.isfinite(values)
    counts = known.sum(axis=axis)
    sums = np.where(known, values, 0.0).sum(axis=axis)
    result: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return result


def chosen(values: Floats, choices: Ints) -> Floats:
    """Return what each choice is worth, shape (n,).

    Args:
        values: Scores or costs, (n, E); (E,) where they are the same for every prompt.
        choices: The expert's index for each prompt, (n,).
    """
    result: Floats = (
        values[choices] if values.ndim == 1 else values[np.arange(len(choices)), choices]
    )
    return result


def random_quality(scores: Floats) -> Floats:
    """Return the expected quality of an expert drawn evenly from those measured, (n,)."""
    return means(scores, axis=1)


def expert_quality(scores: Floats) -> Floats:
    """Return the mean quality of each expert, (E,), NaN where it was never measured."""
    return means(scores, axis=0)


def best_single(scores: Floats) -> int:
    """Return the index of the expert with the highest mean quality; of equals the first.

    Raises:
        ValueError: Where no expert was measured.
    """
    averages = expert_quality(scores)
    if not np.isfinite(averages).any():
        raise ValueError("scores: no expert was measured on any prompt")
    return int(np.nanargmax(averages))


def oracle_choices(scores: Floats, costs: Floats | None = None) -> Ints:
    """Return the best expert of each prompt, (n,): the cheapest of equals.

    The upper bound of any choice of one expert a prompt, as in LLMRouterBench (arXiv 2601.07206).
    Where nothing was measured on a prompt the choice is the first expert, and worth NaN.

    Args:
        scores: (n, E).
        costs: (E,) or (n, E); the first of equals where not given.
    """
    filled = np.where(np.isfinite(scores), scores, -np.inf)
    best = filled == filled.max(axis=1, keepdims=True)
    price = np.zeros(scores.shape) if costs is None else np.broadcast_to(costs, scores.shape)
    result: Ints = np.where(best, price, np.inf).argmin(axis=1)
    return result


def category_table(labels: Ints, scores: Floats, categories: int) -> Floats:
    """Return the mean quality of each expert in each category, (C, E), NaN where not measured.

    Args:
        labels: The category's index of each prompt, negative where it has none, (n,).
        scores: (n, E).
        categories: Their number C.
    """
    table = np.full((categories, scores.shape[1]), np.nan)
    for each in np.unique(labels[labels >= 0]):
        table[each] = means(scores[labels == each], axis=0)
    return table


def perfect_category_choices(labels: Ints, table: Floats, otherwise: int) -> Ints:
    """Return the best expert of each prompt's true category, (n,).

    What the two-step router would do if its first step never erred. Honest where ``table`` comes
    from other prompts than those measured on, optimistic where it comes from the same.

    Args:
        labels: The true category's index, negative where there is none, (n,).
        table: Mean quality of each expert in each category, (C, E).
        otherwise: The expert for prompts without category, or of one that was not measured.
    """
    if not len(table):
        return np.full(len(labels), otherwise, dtype=np.intp)
    measured = np.isfinite(table).any(axis=1)
    best = np.where(np.isfinite(table), table, -np.inf).argmax(axis=1)
    mapping = np.where(measured, best, otherwise)
    result: Ints = np.where(labels >= 0, mapping[labels], otherwise)
    return result


def gain_at_best(quality: float, best: float) -> float:
    """Return Gain@B, the relative gain over the best single expert (LLMRouterBench)."""
    return quality / best - 1.0 if best > 0 else float("nan")


def gap_at_oracle(quality: float, oracle: float) -> float:
    """Return Gap@O, the share of the oracle's quality that is missing (LLMRouterBench)."""
    return 1.0 - quality / oracle if oracle > 0 else float("nan")


def confusion(labels: Ints, predicted: Ints, categories: int) -> Ints:
    """Return how often each true category (row) was taken for each (column), (C, C).

    Prompts with a negative label are left out.
    """
    known = labels >= 0
    flat = labels[known] * categories + predicted[known]
    counts: Ints = np.bincount(flat, minlength=categories * categories).astype(np.intp)
    return counts.reshape(categories, categories)


def shares(choices: Ints, experts: int) -> Floats:
    """Return the share of prompts each expert gets, (E,)."""
    counts: Floats = np.bincount(choices, minlength=experts) / max(len(choices), 1)
    return counts
