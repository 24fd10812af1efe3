"""From prompts with labels and scores to a router: what ``coe router train`` does.

The two steps of "Composition of Experts" (arXiv 2412.01868), learned from evidence: a classifier of
the categories, and what each expert's answers are worth, by category and by the single prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from router.artifact import Artifact, seal
from router.assembly import describe_policy, describe_taxonomy
from router.classifier import Evidence
from router.data import Dataset, DatasetInvalid
from router.embedding import Embedder, FloatArray
from router.learned.fitting import Fitted, fit_classifier
from router.learned.gate import LearnedGate, learn_gate
from router.mapping import POLICIES, Policy, price_for
from router.quality.model import QualityModel, fit_quality
from router.taxonomy import GENERAL, Category, Taxonomy

OUT_OF_SCOPE = frozenset({"oos", "out-of-scope", "out_of_scope"})
"""Labels of prompts that belong to no category; they are never learned from as one."""

_EXAMPLES = 5
_BATCH = 256

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, Iterable[Any], int], Iterable[Any]]
"""Wraps the parts of a task, given its name and their number, to show how far it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a router is to be learned.

    Args:
        name: First part of its version.
        policies: The trade-offs it is to offer.
        budgets: Further policies, by name: billions of active parameters a request on average.
        active_parameters: Billions by expert; needed for budgets.
        seed: Of everything that is drawn.
    """

    name: str = "learned"
    policies: tuple[Policy, ...] = POLICIES
    budgets: tuple[tuple[str, float], ...] = ()
    active_parameters: tuple[tuple[str, float], ...] = ()
    seed: int = 0


def silent(task: str, parts: Iterable[Any], count: int) -> Iterable[Any]:
    """Show nothing."""
    del task, count
    return parts


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
    policies = plan.policies + _budgeted(data, vectors, fitted, quality, plan)
    return _sealed(plan, embedder, taxonomy, fitted, gate, quality, policies, len(data))


def embed(prompts: Sequence[str], embedder: Embedder, progress: Progress = silent) -> FloatArray:
    """Return the prompts' vectors, shape (n, d)."""
    starts = range(0, len(prompts), _BATCH)
    parts = [
        embedder.embed(prompts[start : start + _BATCH])
        for start in progress("embedding", starts, len(starts))
    ]
    return np.concatenate(parts)


def taxonomy_of(prompts: Sequence[str], labels: Sequence[str | None]) -> Taxonomy:
    """Return the categories that labels name, with a few of their prompts, and ``general``."""
    counts = Counter(label for label in labels if label is not None)
    examples: dict[str, list[str]] = {label: [] for label in counts}
    taken: set[str] = set()
    for prompt, label in zip(prompts, labels, strict=True):
        if label is not None and len(examples[label]) < _EXAMPLES and prompt not in taken:
            examples[label].append(prompt)
            taken.add(prompt)
    categories = [
        Category(
            id=label,
            name=label.replace("-", " ").capitalize(),
            description=f"Requests labelled {label} ({counts[label]} of them).",
            examples=tuple(examples[label]),
        )
        for label in sorted(counts)
    ]
    if GENERAL not in counts:
        categories.append(Category(GENERAL, "General", "Whatever the router is unsure of."))
    return Taxonomy(tuple(categories))


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


def _quality(data: Dataset, vectors: FloatArray, fitted: Fitted, seed: int) -> QualityModel:
    return fit_quality(
        data.prompts,
        vectors,
        fitted.held_out.probabilities,
        labels=fitted.labels.tolist(),
        scores=data.scores,
        experts=data.experts,
        seed=seed,
    )


def _budgeted(
    data: Dataset, vectors: FloatArray, fitted: Fitted, quality: QualityModel, plan: Plan
) -> tuple[Policy, ...]:
    """Return a policy for each budget, with the price that keeps to it on prompts like these."""
    if not plan.budgets:
        return ()
    billions = dict(plan.active_parameters)
    missing = [expert for expert in data.experts if expert not in billions]
    if missing:
        raise DatasetInvalid(
            f"a budget on active parameters needs those of {', '.join(missing[:5])}"
        )
    costs = np.array([billions[expert] for expert in data.experts])
    expected = quality.many(data.prompts, vectors, fitted.held_out.probabilities)
    return tuple(
        Policy(
            name,
            f"The best answers at {limit:g} billion active parameters on average.",
            price=price_for(expected, costs, limit, name="active_parameters").price,
            cost="active_parameters",
        )
        for name, limit in plan.budgets
    )


def _sealed(
    plan: Plan,
    embedder: Embedder,
    taxonomy: Taxonomy,
    fitted: Fitted,
    gate: LearnedGate,
    quality: QualityModel,
    policies: Sequence[Policy],
    prompts: int,
) -> Artifact:
    tensors: dict[str, npt.NDArray[Any]] = {}
    for part, owner in (("classifier", fitted.classifier), ("gate", gate), ("quality", quality)):
        tensors |= {f"{part}/{name}": array for name, array in owner.arrays().items()}
    table = quality.category_scores
    manifest = {
        "name": plan.name,
        "seed": plan.seed,
        "prompts": prompts,
        "embedder": {"id": embedder.id, "dimensions": embedder.dimensions},
        "taxonomy": describe_taxonomy(taxonomy),
        "experts": list(quality.experts),
        "classifier": fitted.classifier.settings(),
        "quality": quality.settings(),
        "policies": [describe_policy(policy) for policy in policies],
        "active_parameters": dict(plan.active_parameters),
        "scores": {
            category: {
                expert: round(float(table.mean[row, column]), 4)
                for column, expert in enumerate(quality.experts)
            }
            for row, category in enumerate(taxonomy.ids)
        },
    }
    return seal(manifest, tensors)


def with_report(artifact: Artifact, report: dict[str, Any]) -> Artifact:
    """Return the artefact with the report of an evaluation in it."""
    return seal({**artifact.manifest, "report": report}, artifact.tensors)
