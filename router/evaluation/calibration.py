"""Whether the router knows when it does not know: calibration, abstention, out-of-scope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.evaluation.metrics import Bools, Floats


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability table: n predictions between two confidences."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability(
    confidence: Floats, correct: Bools, bins: int = 15, *, adaptive: bool = False
) -> tuple[Bin, ...]:
    """Return how often predictions of about the same confidence were right; no empty bins.

    Guo et al., "On Calibration of Modern Neural Networks" (2017). Adaptive bins hold equally many
    predictions (Nixon et al., "Measuring Calibration in Deep Learning", 2019).

    Args:
        confidence: Probability of the predicted class, 0 to 1, (n,).
        correct: Whether the prediction was right, (n,).
        bins: How many, at most.
        adaptive: Equally many predictions a bin instead of equal width.
    """
    order = np.argsort(confidence, kind="stable")
    if adaptive:
        groups = np.array_split(order, min(bins, max(len(order), 1)))
        edges = None
    else:
        index = np.minimum((confidence[order] * bins).astype(np.intp), bins - 1)
        groups = np.split(order, np.searchsorted(index, np.arange(1, bins)))
        edges = np.linspace(0.0, 1.0, bins + 1)
    found = []
    for number, group in enumerate(groups):
        if len(group):
            own = confidence[group]
            low, high = (own[0], own[-1]) if edges is None else edges[number : number + 2]
            found.append(
                Bin(
                    float(low),
                    float(high),
                    len(group),
                    float(own.mean()),
                    float(correct[group].mean()),
                )
            )
    return tuple(found)


def expected_calibration_error(table: tuple[Bin, ...]) -> float:
    """Return ECE, the mean distance of confidence and accuracy, weighted by the bins' size."""
    n = sum(each.n for each in table)
    if not n:
        return float("nan")
    return sum(each.n * abs(each.accuracy - each.confidence) for each in table) / n


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Error among the most certain predictions, over the share of them that is kept.

    Args:
        coverage: Share of prompts not abstained from, rising to 1, (k,).
        risk: Share of errors among them, (k,).
        area: Mean risk over all coverages 1/n, 2/n .. 1: AURC.
    """

    coverage: Floats
    risk: Floats
    area: float


def risk_coverage(uncertainty: Floats, errors: npt.NDArray[np.generic]) -> RiskCoverage:
    """Return the risk-coverage curve of abstaining from the most uncertain first.

    Geifman, Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation" (2019). Equally uncertain
    prompts come in random order: their expected error stands for each.

    Args:
        uncertainty: High where the router is unsure, (n,).
        errors: Loss of each prompt if it is not abstained from, (n,).

    Raises:
        ValueError: Where there are no prompts.
    """
    n = len(uncertainty)
    if not n:
        raise ValueError("risk_coverage: no prompts")
    levels, group, sizes = np.unique(uncertainty, return_inverse=True, return_counts=True)
    losses = np.bincount(group, weights=np.asarray(errors, dtype=np.float64), minlength=len(levels))
    total = np.cumsum(np.repeat(losses / sizes, sizes))
    kept = np.arange(1, n + 1)
    ends = np.cumsum(sizes)
    return RiskCoverage(ends / n, total[ends - 1] / ends, float((total / kept).mean()))


def auroc(positive: Floats, negative: Floats) -> float:
    """Return the chance that a positive scores higher than a negative, ties one half.

    Area under the receiver operating characteristic (Mann-Whitney). NaN where either is empty.

    Args:
        positive: Scores of the positives, (p,): the uncertainty of out-of-scope prompts.
        negative: Scores of the negatives, (m,).
    """
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    upto = np.searchsorted(ordered, positive, side="right")
    return float((below + upto).sum() / (2.0 * len(positive) * len(negative)))


def false_positive_rate(positive: Floats, negative: Floats, recall: float = 0.95) -> float:
    """Return FPR@95TPR: the share of negatives above the threshold that finds 95 % of positives.

    Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution Examples"
    (2017). The threshold is the highest that finds at least that share. NaN where either is empty.
    """
    if not len(positive) or not len(negative):
        return float("nan")
    needed = int(np.ceil(recall * len(positive) - 1e-9))
    threshold = np.sort(positive)[::-1][max(needed, 1) - 1]
    return float((negative >= threshold).mean())
