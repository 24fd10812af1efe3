"""How a router that is made of its taxonomy tells that taxonomy's own examples apart, held out.

Nobody has labelled other prompts for it, so this is what can be said of it before data comes. It is
kinder than the requests of a service will be: examples are alike, as one hand wrote them.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from router.classifier import Classifier, Settings, fit, training_rows
from router.evaluation import calibration, metrics
from router.evaluation.intervals import wilson
from router.router import Router

_CURVE = 101
"""Points of a curve, at most."""


def held_out(router: Router, settings: Settings | None = None) -> dict[str, Any] | None:
    """Measure the first step by cross-validation, in the words of an evaluation's report.

    Takes some tenths of a second for a taxonomy of thousands of examples.

    Args:
        router: From :func:`router.router.build_router`.
        settings: How its classifier was learnt; by default as usual.

    Returns:
        ``n``, ``category_accuracy``, ``category_accuracy_ci95``, ``ece``, ``reliability``,
        ``confusion`` and ``risk_coverage`` as :func:`router.evaluation.evaluate` has them;
        ``None`` where the router was learned from data, or its taxonomy has too few examples.
    """
    if not isinstance(router.classifier, Classifier):
        return None
    settings, taxonomy = settings or Settings(), router.taxonomy
    texts = {text for category in taxonomy.categories for text in category.examples}
    rows = training_rows(taxonomy, router.embedder, settings)
    own = np.array([text in texts for text in rows.texts])
    if own.sum() < 2 * len(taxonomy.ids):
        return None
    said = fit(rows, len(taxonomy.ids), settings).held_out
    probabilities, nearest, true = said.probabilities[own], said.nearest[own], rows.labels[own]
    top = probabilities.argmax(axis=1)
    right, confidence = top == true, probabilities.max(axis=1)
    doubts = np.array(
        [
            router.gate.uncertainty(row, near)
            for row, near in zip(probabilities, nearest.tolist(), strict=True)
        ]
    )
    table = calibration.reliability(confidence, right)
    curve = calibration.risk_coverage(doubts, ~right)
    at = np.unique(np.linspace(0, len(curve.coverage) - 1, _CURVE).astype(int))
    return {
        "n": len(right),
        "category_accuracy": float(right.mean()),
        "category_accuracy_ci95": list(wilson(float(right.sum()), len(right)) or ()),
        "ece": calibration.expected_calibration_error(table),
        "reliability": [asdict(each) for each in table],
        "confusion": {
            "labels": list(taxonomy.ids),
            "counts": metrics.confusion(true, top, len(taxonomy.ids)).tolist(),
        },
        "risk_coverage": {
            "n": len(right),
            "area": curve.area,
            "points": [[float(curve.coverage[i]), float(curve.risk[i])] for i in at],
        },
    }
