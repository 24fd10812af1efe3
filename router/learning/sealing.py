"""Everything learned, put into an artefact."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from router.artifact import Artifact, seal
from router.assembly import describe_policy, describe_taxonomy
from router.embedding import Embedder
from router.embedding.resolve import arrays_of, describe
from router.learned.classifier import LearnedClassifier
from router.learned.gate import LearnedGate
from router.learning.plan import Plan
from router.learning.regression import Stored
from router.mapping import Policy
from router.quality.model import QualityModel
from router.taxonomy import Taxonomy


class Learned(NamedTuple):
    """The parts of a router."""

    taxonomy: Taxonomy
    classifier: LearnedClassifier
    gate: LearnedGate
    quality: QualityModel | None
    policies: tuple[Policy, ...]
    stored: Stored
    planned: npt.NDArray[np.float64] | None = None
    """Scores that mappings are solved on, shape (C, E)."""


def sealed(
    plan: Plan, embedder: Embedder, learned: Learned, about: dict[str, Any] | None = None
) -> Artifact:
    """Put the parts of a router into an artefact.

    Args:
        plan: How it was learned.
        embedder: What it was learned with.
        learned: The parts.
        about: What else is to be said of it, as plain data.
    """
    quality, taxonomy = learned.quality, learned.taxonomy
    named = sorted({expert for expert, _ in (*plan.prices, *plan.active_parameters)})
    prices = {expert: plan.price_of(expert) for expert in named}
    manifest = {
        **(about or {}),
        "name": plan.name,
        "seed": plan.seed,
        "embedder": describe(embedder),
        "taxonomy": describe_taxonomy(taxonomy),
        "experts": list(quality.experts) if quality else [],
        "classifier": learned.classifier.settings(),
        "quality": quality.settings() if quality else None,
        "policies": [describe_policy(policy) for policy in learned.policies],
        "active_parameters": {
            expert: price.active_parameters
            for expert, price in prices.items()
            if price.active_parameters is not None
        },
        "prices": {
            expert: {name: value for name, value in asdict(price).items() if value is not None}
            for expert, price in prices.items()
        },
        "scores": scores_of(quality, taxonomy) if quality else {},
    }
    embedding = {f"embedder/{name}": array for name, array in arrays_of(embedder).items()}
    return seal(manifest, {**embedding, **tensors_of(learned)})


def tensors_of(learned: Learned) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a router, by part and name."""
    parts = {
        "classifier": learned.classifier.arrays(),
        "gate": learned.gate.arrays(),
        "quality": learned.quality.arrays() if learned.quality else {},
        "planning": {} if learned.planned is None else {"scores": learned.planned},
        "stored": learned.stored.arrays() if learned.stored.texts else {},
    }
    return {f"{part}/{name}": a for part, own in parts.items() for name, a in own.items()}


def scores_of(quality: QualityModel, taxonomy: Taxonomy) -> dict[str, dict[str, float]]:
    """Return what each expert is worth in each category, for people."""
    mean = quality.category_scores.mean
    return {
        category: {
            expert: round(float(mean[row, column]), 4)
            for column, expert in enumerate(quality.experts)
        }
        for row, category in enumerate(taxonomy.ids)
    }


def with_report(artifact: Artifact, report: dict[str, Any]) -> Artifact:
    """Return the artefact with the report of an evaluation in it."""
    return seal({**artifact.manifest, "report": report}, artifact.tensors)
