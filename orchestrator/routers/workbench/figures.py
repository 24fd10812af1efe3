"""What an evaluation's report says of the first step, read with care: it may come from anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from orchestrator.routers.workbench.diagnosis_schemas import (
    BinView,
    ConfusionView,
    CurvePoint,
    IntervalView,
    OutOfScopeView,
    ReliabilityView,
    RiskCoverageView,
)

T = TypeVar("T", bound=BaseModel)
Report = Mapping[str, Any]


class Figures(NamedTuple):
    """Of the first step; ``None`` where it was not measured, or is not as evaluations write it."""

    prompts: int | None
    accuracy: IntervalView | None
    confusion: ConfusionView | None
    reliability: ReliabilityView | None
    risk_coverage: RiskCoverageView | None
    out_of_scope: OutOfScopeView | None


NOTHING = Figures(None, None, None, None, None, None)


def figures_of(report: Report) -> Figures:
    """Return what a report says of the first step."""
    n = report.get("n")
    return Figures(
        prompts=n if isinstance(n, int) and not isinstance(n, bool) else None,
        accuracy=_read(_accuracy, report),
        confusion=_read(_confusion, report),
        reliability=_read(_reliability, report),
        risk_coverage=_read(_risk_coverage, report),
        out_of_scope=_read(_out_of_scope, report),
    )


def numbers_of(report: Report) -> dict[str, float]:
    """Return a report's headline figures by name, policies' among them."""
    found = {
        name: report.get(name) for name in ("category_accuracy", "ece", "apgr", "oracle", "random")
    }
    best, policies = report.get("best_single"), report.get("policies")
    if isinstance(best, Mapping):
        found["best_single"] = best.get("quality")
    if isinstance(policies, Mapping):
        for name, said in policies.items():
            if isinstance(said, Mapping):
                found[f"{name}: quality"] = said.get("quality")
                found[f"{name}: cost_usd"] = said.get("cost")
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _read(part: Callable[[Report], T | None], report: Report) -> T | None:
    try:
        return part(report)
    except (ValidationError, KeyError, TypeError, ValueError, AttributeError, IndexError):
        return None


def _accuracy(report: Report) -> IntervalView:
    low, high = report.get("category_accuracy_ci95") or (None, None)
    return IntervalView(
        value=report["category_accuracy"],
        low=low,
        high=high,
        observations=report.get("labelled", report["n"]),
    )


def _confusion(report: Report) -> ConfusionView | None:
    found = ConfusionView(
        categories=report["confusion"]["labels"], counts=report["confusion"]["counts"]
    )
    size = len(found.categories)
    square = len(found.counts) == size and all(len(row) == size for row in found.counts)
    return found if square else None


def _reliability(report: Report) -> ReliabilityView:
    return ReliabilityView(
        ece=report.get("ece"), bins=[_bin(each) for each in report["reliability"]]
    )


def _bin(said: Report) -> BinView:
    from router.evaluation.intervals import wilson  # with it come forty modules, for whoever looks

    low, high = wilson(said["accuracy"] * said["n"], said["n"]) or (0.0, 1.0)
    return BinView(
        low=said["low"],
        high=said["high"],
        observations=said["n"],
        confidence=said["confidence"],
        accuracy=said["accuracy"],
        accuracy_low=low,
        accuracy_high=high,
    )


def _risk_coverage(report: Report) -> RiskCoverageView:
    said = report["risk_coverage"]
    points = [CurvePoint(coverage=coverage, risk=risk) for coverage, risk in said["points"]]
    return RiskCoverageView(area=said["area"], observations=said["n"], points=points)


def _out_of_scope(report: Report) -> OutOfScopeView:
    said = report["oos"]
    return OutOfScopeView(
        auroc=said["auroc"],
        false_positive_rate=said["fpr_at_95_tpr"],
        in_scope=said["n_in_scope"],
        out_of_scope=said["n_out_of_scope"],
    )
