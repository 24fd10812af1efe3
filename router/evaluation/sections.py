"""The parts of an evaluation that judge choices: each takes the case at hand, returns plain data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from router.evaluation import frontier, metrics, tradeoff
from router.evaluation.case import Case, Section, ends
from router.evaluation.intervals import paired
from router.evaluation.metrics import Floats, Ints
from router.evaluation.predictions import Predictions


def references(case: Case) -> Section:
    """Return what the router is read against; nothing where no expert was measured."""
    if case.best < 0:
        return dict.fromkeys(("random", "best_single", "perfect_category", "oracle"))
    scores, axes = case.data.scores, case.prices.axes()
    main = next((_last_where_unknown(costs) for costs in axes.values()), None)
    perfect = metrics.perfect_category_choices(case.labels, case.table, case.best)
    labelled = bool((case.labels >= 0).any())
    return {
        "random": metrics.mean(metrics.random_quality(scores)),
        "best_single": {
            "expert": case.data.experts[case.best],
            "quality": metrics.mean(case.single),
            "ci95": ends(case.interval(case.single)),
        }
        | _spent_by(case, case.best, metrics.mean(case.single)),
        "perfect_category": (
            metrics.mean(metrics.chosen(scores, perfect)) if labelled else float("nan")
        ),
        "oracle": metrics.mean(metrics.chosen(scores, metrics.oracle_choices(scores, main))),
        "oracle_spends": case.spent(metrics.oracle_choices(scores, main)),
    }


def _last_where_unknown(costs: Floats) -> Floats:
    """Return costs that put those that are unknown last."""
    return np.where(np.isfinite(costs), costs, np.finfo(np.float64).max)


def experts(case: Case) -> Section:
    """Return each expert by itself."""
    quality = metrics.expert_quality(case.data.scores)
    return {
        expert: {
            "quality": float(quality[index]),
            "n": int(np.isfinite(case.data.scores[:, index]).sum()),
        }
        | _spent_by(case, index, float(quality[index]))
        for index, expert in enumerate(case.data.experts)
    }


def _spent_by(case: Case, expert: int, quality: float) -> Section:
    """Return what it costs to ask one expert always, and the RouterArena score of doing so."""
    spent = case.spent(np.full(len(case.data), expert, dtype=np.intp))
    return spent | {"routerarena": _arena(quality, spent["cost"])}


def policies(case: Case, oracle: float | None) -> Section:
    """Return each policy by name; none where no expert was measured."""
    if case.best < 0:
        return {}
    return {name: _policy(case, choices, oracle) for name, choices in case.said.choices.items()}


def _policy(case: Case, choices: Ints, oracle: float | None) -> Section:
    """Return how good the choices of one policy are, and what they cost."""
    quality = metrics.chosen(case.data.scores, choices)
    gain, own = case.gain(quality), case.interval(quality)
    best = metrics.mean(case.single)
    spent = case.spent(choices)
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
        "routerarena": _arena(own.mean, usd),
        "shares": {
            expert: float(share)
            for expert, share in zip(case.data.experts, shares, strict=True)
            if share > 0
        },
    } | spent


def _arena(quality: float, usd: float | None) -> float | None:
    if usd is None or not np.isfinite(usd) or not np.isfinite(quality):
        return None
    return tradeoff.arena_score(quality, usd * 1000.0)


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
            "against": _against(case, reached),
        } | case.spent(choices)
        if len(case.data.experts) == 2:
            found[name]["apgr"] = _two_experts(case, quality)[0].apgr
    return found


def _against(case: Case, peer: Floats) -> Section:
    """Return the policies' quality less a peer's, on the same prompts."""
    found: Section = {}
    for name, choices in case.said.choices.items():
        own = metrics.chosen(case.data.scores, choices)
        gap = paired(own, peer, draws=case.draws, seed=case.seed)
        found[name] = {"difference": gap.mean, "ci95": ends(gap), "verdict": gap.verdict}
    return found


def strong_calls(case: Case) -> Section:
    """Return :func:`two_experts`, and its main figure."""
    found = two_experts(case)
    return {"two_experts": found, "apgr": found["apgr"] if found else None}


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


def budgets(case: Case, points: int) -> Section:
    """Return :func:`frontiers`, and the main one's figures."""
    found = frontiers(case, points)
    main = next(iter(found), None)
    return {
        "frontier": found[main]["points"] if main else [],
        "frontier_axis": main,
        "frontiers": found,
        "aiq": found[main]["aiq"] if main else None,
    }


def frontiers(case: Case, points: int) -> dict[str, Section]:
    """Return one frontier for each cost that is known: its points and what they amount to.

    Of two experts whose costs are not known, one call to the better counts as 1, one to the other
    as 0: the cost is the share of strong calls, as in RouteLLM.
    """
    quality = case.said.quality
    if quality is None or case.best < 0:
        return {}
    axes = case.prices.axes()
    if not axes and len(case.data.experts) == 2:
        axes = {"strong_share": (np.arange(2) == case.best).astype(np.float64)}
    return {axis: _frontier(case, quality, costs, axis, points) for axis, costs in axes.items()}


def _frontier(case: Case, quality: Floats, costs: Floats, axis: str, points: int) -> Section:
    """Trace the frontier of the experts whose cost is known: the others are never chosen."""
    known = np.isfinite(costs if costs.ndim == 1 else costs.sum(axis=0))
    found = frontier.trace(
        np.where(known, quality, np.nan),
        np.where(known, costs, 0.0),
        case.data.scores,
        points=points,
    )
    average = costs if costs.ndim == 1 else costs.mean(axis=0)
    largest = float(average[known].max())
    x, y = frontier.hull_of(found)
    best, dear = metrics.mean(case.single), float(average[case.best])
    needed = frontier.budget_at(found, best)
    singles = metrics.expert_quality(case.data.scores)
    placed = known & np.isfinite(singles)
    return {
        "points": [
            {"weight": each.weight, "predicted": each.predicted, "quality": each.quality}
            | case.spent(each.choices)
            | {axis: each.cost}
            for each in found
        ],
        "hull": [[float(a), float(b)] for a, b in zip(x, y, strict=True)],
        "aiq": tradeoff.aiq(x, y, largest),
        "perf_gain": metrics.gain_at_best(float(np.nanmax(y)), best),
        "at_best_single": needed,
        "cost_save": 1.0 - needed / dear if dear > 0 else None,
        "pareto_distance_of_experts": frontier.pareto_distance(
            average[placed], singles[placed], x, y
        ),
        "without": [
            name for name, there in zip(case.data.experts, known, strict=True) if not there
        ],
    }


def per_category(case: Case) -> list[Section]:
    """Return each true category: how often it is found, who would do best, what the router gets."""
    true, said = case.in_router_order(), case.said
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


def decide_us(said: Predictions) -> Section | None:
    """Return how long a decision takes, in microseconds, and how much of it is the processor's."""
    if said.seconds is None or not len(said.seconds):
        return None
    found: Section = {"n": len(said.seconds)}
    for name, seconds in (("", said.seconds), ("processor_", said.processor_seconds)):
        if seconds is not None:
            p50, p99 = np.quantile(seconds, [0.5, 0.99]) * 1e6
            found |= {f"{name}p50": float(p50), f"{name}p99": float(p99)}
    return found
