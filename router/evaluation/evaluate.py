"""Puts the measures together: one evaluation, and two versions side by side."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from router.data import Dataset
from router.evaluation import first_step, metrics, sections
from router.evaluation.attacks import Attack
from router.evaluation.case import Case, Prices, Section, ends, spent
from router.evaluation.intervals import DRAWS, paired
from router.evaluation.metrics import Floats, Ints
from router.evaluation.predictions import Predictions

OUT_OF_SCOPE = frozenset({"oos", "out-of-scope", "out_of_scope"})
"""Labels of prompts that belong to no category."""

__all__ = ["OUT_OF_SCOPE", "Beside", "Prices", "compare", "evaluate"]


@dataclass(frozen=True, slots=True)
class Beside:
    """What else there is to report beside a router's own choices.

    Args:
        train: What the router was learned from.
        baselines: Quality other methods predict for the same prompts, (n, E), by name.
        robustness: From :func:`router.evaluation.steadiness` or ``robustness``.
        attack: From :func:`router.evaluation.challenge` or ``attack``.
    """

    train: Dataset | None = None
    baselines: Mapping[str, Floats] = field(default_factory=dict)
    robustness: Mapping[str, Any] | None = None
    attack: Attack | None = None


def evaluate(
    data: Dataset,
    said: Predictions,
    prices: Prices | None = None,
    beside: Beside | None = None,
    *,
    out_of_scope: Collection[str] = OUT_OF_SCOPE,
    points: int = 60,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure a router on a data set.

    The best single expert is the one that is best on these very prompts, so the gain over it is
    never flattered. ``perfect_category`` takes the best expert of each true category from the
    training data where given, else from these prompts; ``perfect_category_from`` says which.

    Args:
        data: Prompts with true scores; labels where there are any.
        said: What the router said of them (:func:`router.evaluation.observe`), or any matrices.
        prices: What the experts cost.
        beside: What else there is to report.
        out_of_scope: Labels of prompts that belong to no category.
        points: At most this many on a frontier.
        draws: Resamples of each interval.
        seed: Of the resamples.

    Returns:
        A dictionary of what JSON holds; what could not be measured is ``None``. ``gain`` is the
        mean difference to the best single expert on the same prompts, ``ci95`` its interval.

    Raises:
        ValueError: Where there are no prompts, or shapes do not fit.
    """
    beside = beside or Beside()
    case = _case(data, said, prices or Prices(), beside.train, out_of_scope, draws, seed)
    found: Section = {"n": len(data), "experts_n": len(data.experts), "seed": seed, "draws": draws}
    found["measured"] = metrics.mean(np.isfinite(data.scores).astype(np.float64))
    found["perfect_category_from"] = "same prompts" if beside.train is None else "training"
    found |= sections.references(case)
    found |= first_step.categories(case)
    found["policies"] = sections.policies(case, found["oracle"])
    found |= sections.strong_calls(case)
    found |= sections.budgets(case, points)
    found |= first_step.abstention(case)
    found |= {
        "decide_us": sections.decide_us(said),
        "experts": sections.experts(case),
        "per_category": sections.per_category(case),
        "baselines": sections.baselines(case, beside.baselines),
        "robustness": None if beside.robustness is None else dict(beside.robustness),
        "attack": None if beside.attack is None else asdict(beside.attack),
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def compare(
    data: Dataset,
    current: Predictions,
    candidate: Predictions,
    prices: Prices | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Any]:
    """Set a candidate beside the current version on the same prompts.

    Args:
        data: Prompts with true scores; labels where there are any.
        current: What the current version said.
        candidate: What the candidate said.
        prices: What the experts cost.
        draws: Resamples of each interval.
        seed: Of the resamples.

    Returns:
        Differences are candidate less current, so ``win`` means that the candidate is better.

    Raises:
        ValueError: Where either was not asked about the same prompts, or both have policies and
            none in common.
    """
    common = [name for name in candidate.choices if name in current.choices]
    if not common and current.choices and candidate.choices:
        raise ValueError("compare: the two versions have no policy in common")
    prices = prices or Prices()
    cases = [
        _case(data, each, prices, None, OUT_OF_SCOPE, draws, seed) for each in (current, candidate)
    ]
    found: Section = {"n": len(data), "policies": {}}
    for name in common:
        before, after = current.choices[name], candidate.choices[name]
        found["policies"][name] = _difference(
            metrics.chosen(data.scores, before), metrics.chosen(data.scores, after), draws, seed
        ) | {
            "changed": float((before != after).mean()),
            "spent": {
                "current": spent(prices, before),
                "candidate": spent(prices, after),
            },
        }
    right = [first_step.found_right(case) for case in cases]
    if right[0] is not None and right[1] is not None:
        found["category_accuracy"] = _difference(right[0], right[1], draws, seed)
    plain: dict[str, Any] = _plain(found)
    return plain


def _difference(before: Floats, after: Floats, draws: int, seed: int) -> Section:
    difference = paired(after, before, draws=draws, seed=seed)
    return {
        "current": metrics.mean(before),
        "candidate": metrics.mean(after),
        "difference": difference.mean,
        "ci95": ends(difference),
        "verdict": difference.verdict,
        "n": difference.n,
    }


def _case(
    data: Dataset,
    said: Predictions,
    prices: Prices,
    train: Dataset | None,
    out_of_scope: Collection[str],
    draws: int,
    seed: int,
) -> Case:
    _check(data, said, prices, train)
    names = tuple(sorted({c for c in data.categories if c is not None and c not in out_of_scope}))
    labels = _labels(data, names)
    source = data if train is None else train
    table = metrics.category_table(_labels(source, names), source.scores, len(names))
    outside = np.array([c in out_of_scope for c in data.categories], dtype=bool)
    best = metrics.best_single(data.scores) if np.isfinite(data.scores).any() else -1
    return Case(data, said, prices, labels, names, outside, table, best, draws, seed)


def _labels(data: Dataset, names: tuple[str, ...]) -> Ints:
    index = {name: number for number, name in enumerate(names)}
    return np.array([index.get(c, -1) if c else -1 for c in data.categories], dtype=np.intp)


def _check(data: Dataset, said: Predictions, prices: Prices, train: Dataset | None) -> None:
    if not len(data):
        raise ValueError("evaluate: there are no prompts")
    shape = data.scores.shape
    for name, choices in said.choices.items():
        if len(choices) != shape[0]:
            raise ValueError(f"evaluate: {len(choices)} choices of {name!r} for {shape[0]} prompts")
        if len(choices) and not (choices.min() >= 0 and choices.max() < shape[1]):
            raise ValueError(f"evaluate: a choice of {name!r} is not one of {shape[1]} experts")
    if said.quality is not None and said.quality.shape != shape:
        raise ValueError(f"evaluate: predicted quality {said.quality.shape}, scores {shape}")
    if said.probabilities is not None and len(said.probabilities) != shape[0]:
        raise ValueError(
            f"evaluate: {len(said.probabilities)} rows of probabilities for {shape[0]} prompts"
        )
    size = prices.active_parameters
    if size is not None and size.shape != shape[1:]:
        raise ValueError(f"evaluate: {size.shape} active parameters for {shape[1]} experts")
    if prices.usd is not None and prices.usd.shape not in (shape, shape[1:]):
        raise ValueError(f"evaluate: costs {prices.usd.shape} for scores {shape}")
    if train is not None and train.experts != data.experts:
        raise ValueError("evaluate: training and test data have different experts")


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it: what is not finite becomes ``None``."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
