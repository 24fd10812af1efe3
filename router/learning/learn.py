"""From prompts with labels and scores to a router.

The two steps of "Composition of Experts" (arXiv 2412.01868), learned from evidence: a classifier of
the categories, and what each expert's answers are worth, by category and by the single prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.artifact import Artifact
from router.classifier import Evidence, softmax
from router.data import Dataset, DatasetInvalid
from router.embedding import Embedder, FloatArray
from router.learned.fitting import Fitted, fit_classifier, settings_for
from router.learned.gate import LearnedGate, learn_gate
from router.learning.budgets import Expected, budgeted, check_costs, shares_of
from router.learning.kinds import Kinds, kinds_of
from router.learning.labels import OUT_OF_SCOPE
from router.learning.plan import Plan
from router.learning.planning import planned
from router.learning.regression import Deciders, choose
from router.learning.sealing import Learned, sealed
from router.progress import Progress, silent, whole
from router.quality.fitting import FittedQuality, fit_quality

_BATCH = 256
_ENOUGH_TRUSTED = 20
_CAUTION = 2.0
"""Factor on the temperature where no label is by hand: prompts that joined are the easy ones. Found
on two data sets, where it took the calibration error from .21 to .07 and from .14 to .06."""


def learn(
    data: Dataset, embedder: Embedder, plan: Plan | None = None, progress: Progress = silent
) -> Artifact:
    """Learn a router.

    Args:
        data: Prompts; those with labels teach the categories, those with scores the experts. Without
            any score the router knows categories alone, and takes experts at their description.
            Without any label the plan's taxonomy describes the categories, or they are discovered.
        embedder: Turns prompts into vectors; the artefact names it.
        plan: How.
        progress: Shows how far it is.

    Raises:
        DatasetInvalid: If there is not enough to learn from; says of what.
        InfeasibleBudget: If a budget cannot be kept.
    """
    plan = plan or Plan()
    if not len(data):
        raise DatasetInvalid("there are no prompts")
    _check_experts(data)
    check_costs(data.experts, plan)
    vectors = embed(data.prompts, embedder, progress)
    kinds = kinds_of(data, vectors, embedder, plan, progress)
    if plan.contrastive:
        embedder, vectors = _drawn_together(embedder, vectors, kinds, plan.seed)
    taught = _taught(data, vectors, kinds, embedder, plan, progress)
    model, expected = None, None
    if has_scores(data):
        quality = whole(
            progress, "learning experts", lambda: _quality(data, vectors, taught, plan.seed)
        )
        model, expected = quality.model, _expected(data, taught, quality, kinds, plan)
    policies = whole(progress, "keeping budgets", lambda: plan.policies + budgeted(expected, plan))
    classifier, gate, taxonomy = taught.fitted.classifier, taught.gate, kinds.taxonomy
    stored = choose(
        Deciders(classifier, gate, model, taxonomy.general),
        data.prompts,
        vectors,
        taught.probabilities,
        taught.labels,
        plan.stored,
    )
    planned_scores = expected.planned if expected else None
    learned = Learned(taxonomy, classifier, gate, model, policies, stored, planned_scores)
    about = {
        "prompts": len(data),
        "growth": kinds.growth,
        "judged": data.judged,
        "shares": shares_of(expected) if expected else {},
    }
    return sealed(plan, embedder, learned, about)


def embed(prompts: Sequence[str], embedder: Embedder, progress: Progress = silent) -> FloatArray:
    """Return the prompts' vectors, shape (n, d)."""
    starts = range(0, len(prompts), _BATCH)
    parts = [
        embedder.embed(prompts[start : start + _BATCH])
        for start in progress("embedding", starts, len(starts))
    ]
    return np.ascontiguousarray(np.concatenate(parts))  # else the last digits may differ


def has_scores(data: Dataset) -> bool:
    """Tell whether any expert was measured on any prompt."""
    return bool(np.isfinite(data.scores).any())


def _check_experts(data: Dataset) -> None:
    if not has_scores(data):
        return
    silent_ones = [e for e, s in zip(data.experts, data.scores.T, strict=True) if np.isnan(s).all()]
    if silent_ones:
        raise DatasetInvalid(f"no scores of {', '.join(silent_ones[:5])}")


def _drawn_together(
    embedder: Embedder, vectors: FloatArray, kinds: Kinds, seed: int
) -> tuple[Embedder, FloatArray]:
    """Learn a head on the embedder, and return it with the vectors it gives."""
    from router.embedding.contrastive import ContrastiveEmbedder, beside, fit_contrastive

    ids = kinds.taxonomy.ids
    labels = np.array([-1 if label is None else ids.index(label) for label in kinds.labels])
    if len(np.unique(labels[labels >= 0])) < 2:
        raise DatasetInvalid("a contrastive head needs prompts of at least two categories")
    matrix = fit_contrastive(vectors, labels, seed=seed)
    head = ContrastiveEmbedder(embedder, beside(matrix, vectors))
    return head, head.map(vectors)


class _Taught(NamedTuple):
    """Step one: the classifier and its gate, with what they say of the data's prompts."""

    fitted: Fitted
    gate: LearnedGate
    probabilities: npt.NDArray[np.float64]
    """Of each prompt, held out, shape (n, C)."""
    nearest: FloatArray
    """How familiar each prompt is, held out, shape (n,)."""
    labels: npt.NDArray[np.intp]
    """Of each prompt, shape (n,)."""


def _taught(
    data: Dataset,
    vectors: FloatArray,
    kinds: Kinds,
    embedder: Embedder,
    plan: Plan,
    progress: Progress,
) -> _Taught:
    """Learn the classifier from prompts and from what the taxonomy says, and the gate."""
    n, said = len(data), [text for text, _ in kinds.told]
    everything = np.vstack([vectors, embedder.embed(said)]) if said else vectors
    by_hand = sum(kinds.trusted) >= _ENOUGH_TRUSTED
    fitted = whole(
        progress,
        "learning categories",
        lambda: fit_classifier(
            [*data.prompts, *said],
            everything,
            [*kinds.labels, *(label for _, label in kinds.told)],
            kinds.taxonomy.ids,
            seed=plan.seed,
            settings=settings_for(embedder),
            trusted=[*kinds.trusted, *(True for _ in said)] if by_hand else None,
            leave_out=True,
        ),
    )
    if plan.taxonomy is not None and not any(kinds.trusted):
        fitted = _cautious(fitted)
    held_out = Evidence(fitted.held_out.probabilities[:n], fitted.held_out.nearest[:n])
    measured = fitted.labels[:n].copy()
    if by_hand:
        measured[~np.array(kinds.trusted)] = -1
    if (measured >= 0).any():
        gate = _gate(data, held_out, measured, fitted.left_out)
    else:  # nothing but descriptions: what was held out says little, so all that is known is shown
        texts = [*data.prompts, *said]
        gate = learn_gate(fitted.classifier.many(texts, everything), fitted.labels)
    return _Taught(fitted, gate, *held_out, fitted.labels[:n])


def _cautious(fitted: Fitted) -> Fitted:
    """Make a classifier less sure."""
    classifier = fitted.classifier
    calmer = replace(classifier, temperature=classifier.temperature * _CAUTION)
    said, left_out = fitted.held_out, fitted.left_out
    return Fitted(
        calmer,
        Evidence(_calmed(said.probabilities), said.nearest),
        fitted.labels,
        Evidence(_calmed(left_out.probabilities), left_out.nearest) if left_out else None,
    )


def _calmed(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return softmax(np.log(np.maximum(probabilities, 1e-300)) / _CAUTION)


def _gate(
    data: Dataset,
    said: Evidence,
    labels: npt.NDArray[np.intp],
    left_out: Evidence | None,
) -> LearnedGate:
    """Learn when to be unsure, also from prompts that are labelled as out of scope."""
    foreign = np.array([label in OUT_OF_SCOPE for label in data.categories])
    strangers = Evidence(said.probabilities[foreign], said.nearest[foreign])
    return learn_gate(
        said, labels, strangers=strangers if foreign.any() else None, left_out=left_out
    )


def _quality(data: Dataset, vectors: FloatArray, taught: _Taught, seed: int) -> FittedQuality:
    return fit_quality(
        data.prompts,
        vectors,
        taught.probabilities,
        labels=taught.labels.tolist(),
        scores=data.scores,
        experts=data.experts,
        seed=seed,
    )


def _expected(
    data: Dataset, taught: _Taught, quality: FittedQuality, kinds: Kinds, plan: Plan
) -> Expected:
    """Gather what budgets are kept on."""
    general = kinds.taxonomy.general
    doubts = taught.gate.many(Evidence(taught.probabilities, taught.nearest))
    tops = taught.probabilities.argmax(axis=1)
    routed = [
        general if taught.gate.unsure(doubt, top) else top
        for doubt, top in zip(doubts.tolist(), tops.tolist(), strict=True)
    ]
    return Expected(
        data.prompts,
        quality.expected,
        np.array(routed, dtype=np.intp),
        planned(quality.model.category_scores, data.scores, taught.labels, level=plan.proof),
        quality.model.experts,
        kinds.taxonomy.ids,
    )
