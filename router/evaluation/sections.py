"""The parts of an evaluation: each takes the case at hand and returns a plain dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from router.data import Dataset
from router.evaluation import calibration, frontier, metrics, tradeoff
from router.evaluation.intervals import DRAWS, Interval, bootstrap, paired
from router.evaluation.metrics import Floats, Ints
from router.evaluation.predictions import Predictions

Section = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Prices:
    """What the experts of a data set cost.

    Args:
        usd: US dollars of a request, (E,) or (n, E); ``None`` where unknown.
        active_parameters: Billions, (E,), NaN where unknown.
    """

    usd: Floats | None = None
    active_parameters: Floats | None = None

    def axes(self) -> dict[str, Floats]:
        """Return the costs a frontier can be drawn over, by name; the first is the main one."""
        found: dict[str, Floats] = {}
        if self.active_parameters is not None and np.isfinite(self.active_parameters).all():
            found["active_parameters"] = self.active_parameters
        if self.usd is not None and np.isfinite(self.usd).all() and (self.usd > 0).any():
            found["cost"] = self.usd
        return found


@dataclass(frozen=True, slots=True)
class Case:
    """What is evaluated, with what is needed again and again.

    Args:
        data: The prompts and their true scores.
        said: What the router said of them.
        prices: What the experts cost.
        labels: Index of the true category in ``names``, -1 where there is none or out of scope.
        names: The categories found in the data, sorted.
        outside: Which prompts are out of scope, (n,).
        table: Mean quality of each expert in each category, from training or from the same data.
        best: Index of the best single expert; -1 where no expert was measured.
        draws: Resamples of each interval.
        seed: Of the resamples.
    """

    data: Dataset
    said: Predictions
    prices: Prices
    labels: Ints
    names: tuple[str, ...]
    outside: metrics.Bools
    table: Floats
    best: int
    draws: int = DRAWS
    seed: int = 0
    single: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        none = np.full(len(self.data), np.nan)
        single = self.data.scores[:, self.best] if self.best >= 0 else none
        object.__setattr__(self, "single", single)

    def gain(self, quality: Floats) -> Interval:
        """Return the difference to the best single expert."""
        return paired(quality, self.single, draws=self.draws, seed=self.seed)

    def interval(self, quality: Floats) -> Interval:
        """Return the mean with its interval."""
        return bootstrap(quality, draws=self.draws, seed=self.seed)


def ends(interval: Interval) -> list[float]:
    """Return an interval's ends as JSON holds them."""
    return [interval.low, interval.high]


def references(case: Case) -> Section:
    """Return what the router is read against; nothing where no expert was measured."""
    if case.best < 0:
        return dict.fromkeys(("random", "best_single", "perfect_category", "oracle"))
    scores, axes = case.data.scores, case.prices.axes()
    main = next(iter(axes.values()), None)
    perfect = metrics.perfect_category_choices(case.labels, case.table, case.best)
    labelled = bool((case.labels >= 0).any())
    return {
        "random": metrics.mean(metrics.random_quality(scores)),
        "best_single": {
            "expert": case.data.experts[case.best],
            "quality": metrics.mean(case.single),
            "ci95": ends(case.interval(case.single)),
        }
        | _spent(case, np.full(len(scores), case.best, dtype=np.intp)),
        "perfect_category": (
            metrics.mean(metrics.chosen(scores, perfect)) if labelled else float("nan")
        ),
        "oracle": metrics.mean(metrics.chosen(scores, metrics.oracle_choices(scores, main))),
        "oracle_spends": _spent(case, metrics.oracle_choices(scores, main)),
    }


def experts(case: Case) -> Section:
    """Return each expert by itself."""
    quality = metrics.expert_quality(case.data.scores)
    return {
        expert: {
            "quality": float(quality[index]),
            "n": int(np.isfinite(case.data.scores[:, index]).sum()),
        }
        | _spent(case, np.full(len(case.data), index, dtype=np.intp))
        for index, expert in enumerate(case.data.experts)
    }


def policy(case: Case, choices: Ints, oracle: float | None) -> Section:
    """Return how good the choices of one policy are, and what they cost."""
    quality = metrics.chosen(case.data.scores, choices)
    gain, own = case.gain(quality), case.interval(quality)
    best = metrics.mean(case.single)
    spent = _spent(case, choices)
    usd = spent["cost"]
    shares = metrics.shares(choices, len(case.data.experts))
    return {
        "quality": own.mean,
        "quality_ci95": ends(own),
        "gain": gain.mean,
        "ci95": ends(gain),
        "verdict": gain.verdict,
        "n": own.n,
        "gain_at_best": metrics.gain_at_best(own.mean, best),
        "gap_at_oracle": metrics.gap_at_oracle(own.mean, oracle or 0.0),
        "routerarena": tradeoff.arena_score(own.mean, usd * 1000.0) if usd is not None else None,
        "shares": {
            expert: float(share)
            for expert, share in zip(case.data.experts, shares, strict=True)
            if share > 0
        },
    } | spent


def baselines(case: Case, predicted: Mapping[str, Floats]) -> Section:
    """Return peers' methods on the same prompts, as their predicted quality chooses."""
    found: Section = {}
    for name, quality in predicted.items():
        choices = np.where(np.isfinite(quality), quality, -np.inf).argmax(axis=1)
        reached = metrics.chosen(case.data.scores, choices)
        gain = case.gain(reached)
        found[name] = {
            "quality": metrics.mean(reached),
            "gain": gain.mean,
            "ci95": ends(gain),
            "verdict": gain.verdict,
        } | _spent(case, choices)
        if len(case.data.experts) == 2:
            found[name]["apgr"] = _two_experts(case, quality)[0].apgr
    return found


def two_experts(case: Case) -> Section | None:
    """Return what RouteLLM measures, where there are two experts and their quality is predicted."""
    if len(case.data.experts) != 2 or case.said.quality is None or case.best < 0:
        return None
    curve, weak, strong = _two_experts(case, case.said.quality)
    interval = tradeoff.apgr_interval(curve, draws=min(case.draws, 500), seed=case.seed)
    thinned = np.unique(np.linspace(0, len(curve.share) - 1, 101).astype(int))
    return {
        "weak": case.data.experts[weak],
        "strong": case.data.experts[strong],
        "apgr": curve.apgr,
        "apgr_ci95": list(interval),
        "cpt": {str(percent): curve.cpt(percent) for percent in (20, 50, 80)},
        "curve": [
            {"share": float(curve.share[at]), "quality": float(curve.quality[at])} for at in thinned
        ],
    }


def _two_experts(case: Case, quality: Floats) -> tuple[tradeoff.TwoExperts, int, int]:
    strong, weak = case.best, 1 - case.best
    scores = case.data.scores
    advantage = np.nan_to_num(quality[:, strong] - quality[:, weak])
    return (
        tradeoff.two_experts(scores[:, weak], scores[:, strong], advantage),
        weak,
        strong,
    )


def frontiers(case: Case, points: int) -> dict[str, Section]:
    """Return one frontier for each cost that is known: its points and what they amount to."""
    if case.said.quality is None or case.best < 0:
        return {}
    return {
        axis: _frontier(case, case.said.quality, costs, points)
        for axis, costs in case.prices.axes().items()
    }


def _frontier(case: Case, quality: Floats, costs: Floats, points: int) -> Section:
    found = frontier.trace(quality, costs, case.data.scores, points=points)
    average = costs if costs.ndim == 1 else costs.mean(axis=0)
    largest = float(average.max())
    x, y = frontier.hull_of(found)
    best = metrics.mean(case.single)
    needed = frontier.budget_at(found, best)
    singles = metrics.expert_quality(case.data.scores)
    known = np.isfinite(singles)
    return {
        "points": [
            {"weight": each.weight, "predicted": each.predicted, "quality": each.quality}
            | _spent(case, each.choices)
            for each in found
        ],
        "hull": [[float(a), float(b)] for a, b in zip(x, y, strict=True)],
        "aiq": tradeoff.aiq(x, y, largest),
        "perf_gain": metrics.gain_at_best(float(np.nanmax(y)), best),
        "at_best_single": needed,
        "cost_save": 1.0 - needed / float(average[case.best]) if average[case.best] > 0 else None,
        "pareto_distance_of_experts": frontier.pareto_distance(
            average[known], singles[known], x, y
        ),
    }


def categories(case: Case) -> Section:
    """Return how well the category is found: accuracy, confusion, calibration."""
    said = case.said
    if said.probabilities is None or not (case.labels >= 0).any():
        return {"category_accuracy": None}
    true = _in_router_order(case)
    top: Ints = said.probabilities.argmax(axis=1)
    rows = true >= 0
    if not rows.any():
        return {"category_accuracy": None, "unknown_labels": int((case.labels >= 0).sum())}
    right = top[rows] == true[rows]
    confidence = said.probabilities[rows].max(axis=1)
    table = calibration.reliability(confidence, right)
    accuracy = case.interval(right.astype(np.float64))
    return {
        "category_accuracy": accuracy.mean,
        "category_accuracy_ci95": ends(accuracy),
        "labelled": int(rows.sum()),
        "unknown_labels": int(((case.labels >= 0) & ~rows).sum()),
        "ece": calibration.expected_calibration_error(table),
        "ece_adaptive": calibration.expected_calibration_error(
            calibration.reliability(confidence, right, adaptive=True)
        ),
        "reliability": [asdict(each) for each in table],
        "confusion": {
            "labels": list(said.categories),
            "counts": metrics.confusion(true, top, len(said.categories)).tolist(),
        },
    }


def abstention(case: Case) -> Section:
    """Return what the uncertainty is good for: risk-coverage, and out-of-scope prompts."""
    said = case.said
    if said.probabilities is None or said.uncertainty is None:
        return {"risk_coverage": None, "oos": None}
    true = _in_router_order(case)
    judged = (true >= 0) | case.outside
    curve = None
    if (true >= 0).any():  # to take an out-of-scope prompt for any category is an error
        wrong = said.probabilities.argmax(axis=1) != true
        found = calibration.risk_coverage(said.uncertainty[judged], wrong[judged])
        thinned = np.unique(np.linspace(0, len(found.coverage) - 1, 101).astype(int))
        curve = {
            "n": int(judged.sum()),
            "area": found.area,
            "points": [[float(found.coverage[at]), float(found.risk[at])] for at in thinned],
        }
    outside, inside = said.uncertainty[case.outside], said.uncertainty[true >= 0]
    if not len(outside) or not len(inside):
        return {"risk_coverage": curve, "oos": None}
    return {
        "risk_coverage": curve,
        "oos": {
            "auroc": calibration.auroc(outside, inside),
            "fpr_at_95_tpr": calibration.false_positive_rate(-inside, -outside),
            "n_in_scope": len(inside),
            "n_out_of_scope": len(outside),
        },
    }


def per_category(case: Case) -> list[Section]:
    """Return each true category: how often it is found, who would do best, what the router gets."""
    true, said = _in_router_order(case), case.said
    top = None if said.probabilities is None else said.probabilities.argmax(axis=1)
    found: list[Section] = []
    for index, name in enumerate(case.names):
        rows = case.labels == index
        scores = case.data.scores[rows]
        entry: Section = {"category": name, "n": int(rows.sum())}
        if top is not None and name in said.categories:
            own = said.categories.index(name)
            entry["recall"] = float((top[rows] == own).mean())
            claimed = (top == own) & (true >= 0)
            entry["precision"] = float((true[claimed] == own).mean()) if claimed.any() else None
        averages = metrics.expert_quality(scores)
        if np.isfinite(averages).any():
            leader = int(np.nanargmax(averages))
            entry |= {
                "best_expert": case.data.experts[leader],
                "best_quality": float(averages[leader]),
                "best_single": float(averages[case.best]),
            }
        entry["policies"] = {}
        for policy_name, choices in said.choices.items():
            quality = metrics.chosen(scores, choices[rows])
            gain = paired(quality, case.single[rows], draws=case.draws, seed=case.seed)
            entry["policies"][policy_name] = {
                "quality": metrics.mean(quality),
                "gain": gain.mean,
                "ci95": ends(gain),
                "verdict": gain.verdict,
            }
        found.append(entry)
    return found


def found_right(case: Case) -> Floats | None:
    """Return 1 where the category was found, 0 where not, NaN where there is none to find."""
    if case.said.probabilities is None:
        return None
    true = _in_router_order(case)
    if not (true >= 0).any():
        return None
    right = (case.said.probabilities.argmax(axis=1) == true).astype(np.float64)
    return np.where(true >= 0, right, np.nan)


def decide_us(said: Predictions) -> Section | None:
    """Return how long a decision takes, in microseconds."""
    if said.seconds is None or not len(said.seconds):
        return None
    p50, p99 = np.quantile(said.seconds, [0.5, 0.99]) * 1e6
    return {"p50": float(p50), "p99": float(p99), "n": len(said.seconds)}


def _spent(case: Case, choices: Ints) -> Section:
    """Return what choices cost on average, ``None`` where it is not known of every choice."""
    size, usd = case.prices.active_parameters, case.prices.usd
    return {
        "active_parameters": None if size is None else float(metrics.chosen(size, choices).mean()),
        "cost": None if usd is None else float(metrics.chosen(usd, choices).mean()),
    }


def _in_router_order(case: Case) -> Ints:
    """Return the true labels as indices of the router's categories, -1 where it has none such."""
    index = {name: number for number, name in enumerate(case.said.categories)}
    order = np.array([index.get(name, -1) for name in case.names] + [-1], dtype=np.intp)
    result: Ints = order[case.labels]
    return result
