"""Everything learned, put into an artefact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from router.artifact import Artifact, seal
from router.assembly import describe_policy, describe_taxonomy
from router.embedding import Embedder
from router.learned.fitting import Fitted
from router.learned.gate import LearnedGate
from router.learning.plan import Plan
from router.mapping import Policy
from router.quality.model import QualityModel
from router.taxonomy import Taxonomy


def sealed(
    plan: Plan,
    embedder: Embedder,
    taxonomy: Taxonomy,
    fitted: Fitted,
    gate: LearnedGate,
    quality: QualityModel,
    policies: Sequence[Policy],
    prompts: int,
) -> Artifact:
    """Put the parts of a router into an artefact."""
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
