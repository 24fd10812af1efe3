"""Puts a router together from the parts an artefact holds, and takes one apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy.typing as npt

from router.artifact import Artifact, ArtifactInvalid
from router.described import KIND, router_described
from router.embedding import Embedder
from router.embedding.resolve import EmbedderResolver, EmbedderUnavailable
from router.learned.classifier import LearnedClassifier
from router.learned.gate import LearnedGate
from router.mapping import Budget, Policy
from router.quality.model import QualityModel
from router.router import Router
from router.taxonomy import Category, InvalidTaxonomy, Taxonomy

_HASH_SHOWN = 8


def router_of(artifact: Artifact, embedder: Embedder) -> Router:
    """Return the router that an artefact describes.

    Args:
        artifact: Read and checked (:mod:`router.artifact`).
        embedder: Must be the one the artefact was made with.

    Raises:
        ArtifactInvalid: If the embedder is another, or a part is missing or does not fit.
    """
    manifest = artifact.manifest
    named = manifest.get("embedder")
    if not isinstance(named, dict) or named.get("id") != embedder.id:
        wanted = named.get("id") if isinstance(named, dict) else named
        raise ArtifactInvalid(f"it was made with the embedder {wanted!r}, not {embedder.id!r}")
    try:
        return _checked(_assembled(artifact, embedder))
    except KeyError as error:
        raise ArtifactInvalid(f"its manifest or tensors lack {error}") from error
    except (
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        InvalidTaxonomy,
    ) as error:
        raise ArtifactInvalid(f"its parts do not fit together ({error})") from error


def embedder_of(artifact: Artifact, resolver: EmbedderResolver) -> Embedder:
    """Return the embedder that an artefact was made with, loaded. Takes time and memory.

    Raises:
        ArtifactInvalid: If it is not described, not the same, or not on this machine.
    """
    described = artifact.manifest.get("embedder")
    if not isinstance(described, dict):
        raise ArtifactInvalid("its manifest names no embedder")
    try:
        return resolver.resolve(described, part_of(artifact, "embedder"))
    except EmbedderUnavailable as error:
        raise ArtifactInvalid(str(error)) from error


def _assembled(artifact: Artifact, embedder: Embedder) -> Router:
    manifest = artifact.manifest
    policies, taxonomy = policies_of(artifact), _taxonomy(manifest["taxonomy"])
    version = f"{manifest['name']}-{artifact.content_hash[:_HASH_SHOWN]}"
    if manifest.get("kind") == KIND:
        return router_described(manifest, version, embedder, taxonomy, policies)
    return Router(
        version=version,
        embedder=embedder,
        taxonomy=taxonomy,
        classifier=LearnedClassifier.load(part_of(artifact, "classifier"), manifest["classifier"]),
        gate=LearnedGate.load(part_of(artifact, "gate")),
        policies={policy.name: policy for policy in policies},
        quality=_quality(artifact),
        planned=part_of(artifact, "planning").get("scores"),
    )


def _quality(artifact: Artifact) -> QualityModel | None:
    """Return what experts are worth; ``None`` where no scores were learned from."""
    settings, experts = artifact.manifest["quality"], tuple(artifact.manifest["experts"])
    if settings is None and not experts:
        return None
    return QualityModel.load(part_of(artifact, "quality"), settings, experts)


def _checked(router: Router) -> Router:
    """Return a router whose parts are of the same categories.

    Raises:
        ValueError: If they are not.
    """
    count = len(router.taxonomy.ids)
    found = router.classify("What is this?").probabilities
    scores = router.quality.category_scores.mean if router.quality else found
    if len(found) != count or len(scores) != count:
        raise ValueError(f"not all of its parts are of {count} categories")
    if router.planned is not None and (
        router.quality is None or router.planned.shape != scores.shape
    ):
        raise ValueError(f"its planned scores are {router.planned.shape}, not {scores.shape}")
    for category in range(count):
        router.gate.unsure(0.5, category)
    return router


def describe_taxonomy(taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """Return the categories as plain data."""
    return [asdict(category) for category in taxonomy.categories]


def describe_policy(policy: Policy) -> dict[str, Any]:
    """Return a policy as plain data."""
    return {
        "name": policy.name,
        "description": policy.description,
        "cost_weight": policy.cost_weight,
        "budget": policy.budget.limits() if policy.budget else None,
        "mapping": dict(policy.mapping) if policy.mapping else None,
        "price": policy.price,
        "cost": policy.cost,
    }


def policies_of(artifact: Artifact) -> list[Policy]:
    """Return the policies that an artefact holds."""
    return [_policy(entry) for entry in artifact.manifest["policies"]]


def _policy(entry: Mapping[str, Any]) -> Policy:
    budget = entry["budget"]
    return Policy(**{**entry, "budget": Budget().limited(budget) if budget else None})


def _taxonomy(entries: list[Mapping[str, Any]]) -> Taxonomy:
    return Taxonomy(
        tuple(
            Category(
                **{
                    **entry,
                    "examples": tuple(entry["examples"]),
                    "keywords": tuple(entry["keywords"]),
                }
            )
            for entry in entries
        )
    )


def part_of(artifact: Artifact, name: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of one part of an artefact, by their names in it."""
    prefix = f"{name}/"
    return {
        key.removeprefix(prefix): array
        for key, array in artifact.tensors.items()
        if key.startswith(prefix)
    }
