"""The parts of an evaluation that judge step one: is the category found, and is that known?"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from router.evaluation import calibration, metrics
from router.evaluation.case import Case, Section, ends
from router.evaluation.metrics import Floats, Ints


def categories(case: Case) -> Section:
    """Return how well the category is found: accuracy, confusion, calibration."""
    said = case.said
    if said.probabilities is None or not (case.labels >= 0).any():
        return {"category_accuracy": None}
    true = case.in_router_order()
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
    true = case.in_router_order()
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


def found_right(case: Case) -> Floats | None:
    """Return 1 where the category was found, 0 where not, NaN where there is none to find."""
    if case.said.probabilities is None:
        return None
    true = case.in_router_order()
    if not (true >= 0).any():
        return None
    right = (case.said.probabilities.argmax(axis=1) == true).astype(np.float64)
    return np.where(true >= 0, right, np.nan)
