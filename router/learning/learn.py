"""From prompts with labels and scores to a router.

The two steps of "Composition of Experts" (arXiv 2412.01868), learned from evidence: a classifier of
the categories, and what each expert's answers are worth, by category and by the single prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from router.artifact import Artifact
from router.classifier import Evidence
from router.data import Dataset, DatasetInvalid
from router.embedding import Embedder, FloatArray
from router.learned.fitting import Fitted, fit_classifier
from router.learned.gate import LearnedGate, learn_gate
from router.learning.budgets import budgeted
from router.learning.labels import OUT_OF_SCOPE, taxonomy_of
from router.learning.plan import Plan, Progress, silent
from router.learning.sealing import sealed
from router.quality.model import FittedQuality, fit_quality

_BATCH = 256


def learn(
    data: Dataset, embedder: Embedder, plan: Plan | None = None, progress: Progress = silent
) -> Artifact:
    """Learn a router.

    Args:
        data: Prompts; those with labels teach the categories, those with scores the experts.
        embedder: Turns prompts into vectors; the artefact names it.
        plan: How.
        progress: Shows how far it is.

    Raises:
        DatasetInvalid: If there is not enough to learn from; says of what.
        InfeasibleBudget: If a budget cannot be kept.
    """
    plan = plan or Plan()
    labels = [None if label in OUT_OF_SCOPE else label for label in data.categories]
    _check(data, labels)
    vectors = embed(data.prompts, embedder, progress)
    taxonomy = taxonomy_of(data.prompts, labels)
    fitted = fit_classifier(data.prompts, vectors, labels, taxonomy.ids, seed=plan.seed)
    gate = _gate(data, fitted)
    quality = _quality(data, vectors, fitted, plan.seed)
    policies = plan.policies + budgeted(quality, plan)
    return sealed(plan, embedder, taxonomy, fitted, gate, quality.model, policies, len(data))


def embed(prompts: Sequence[str], embedder: Embedder, progress: Progress = silent) -> FloatArray:
    """Return the prompts' vectors, shape (n, d)."""
    starts = range(0, len(prompts), _BATCH)
    parts = [
        embedder.embed(prompts[start : start + _BATCH])
        for start in progress("embedding", starts, len(starts))
    ]
    return np.concatenate(parts)


def _check(data: Dataset, labels: Sequence[str | None]) -> None:
    kinds = {label for label in labels if label is not None}
    if len(kinds) < 2:
        raise DatasetInvalid("no two categories among the labels: there is nothing to tell apart")
    if not data.experts or np.isnan(data.scores).all():
        raise DatasetInvalid("no scores: there is nothing to say which expert is better")
    silent_ones = [e for e, s in zip(data.experts, data.scores.T, strict=True) if np.isnan(s).all()]
    if silent_ones:
        raise DatasetInvalid(f"no scores of {', '.join(silent_ones[:5])}")


def _gate(data: Dataset, fitted: Fitted) -> LearnedGate:
    """Learn when to be unsure, also from prompts that are labelled as out of scope."""
    foreign = np.array([label in OUT_OF_SCOPE for label in data.categories])
    said = fitted.held_out
    strangers = Evidence(said.probabilities[foreign], said.nearest[foreign])
    return learn_gate(said, fitted.labels, strangers=strangers if foreign.any() else None)


def _quality(data: Dataset, vectors: FloatArray, fitted: Fitted, seed: int) -> FittedQuality:
    return fit_quality(
        data.prompts,
        vectors,
        fitted.held_out.probabilities,
        labels=fitted.labels.tolist(),
        scores=data.scores,
        experts=data.experts,
        seed=seed,
    )
