"""From an artefact's bytes to a router that can decide, and what is worth knowing of it.

All of this takes time and memory: call it in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.routers.errors import RouterVersionInvalid
from router import Router
from router.artifact import Artifact, ArtifactInvalid, unpack

MAX_EXPERTS = 10_000
MAX_DEPTH = 50
"""Of report and scores: others read them with recursion."""
_MAX_NAME = 200
_TRIAL = "What is the derivative of x squared?"

Builder = Callable[[Artifact], Router]
"""Makes the router out of an artefact."""


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A router version in memory.

    Args:
        content_hash: Of the artefact it came from.
        router: Decides.
        experts: Ids of the experts it was learned for, and sends requests to.
        scores: Expected quality as the artefact tells it, for people.
        report: Its evaluation, if it came with one.
    """

    content_hash: str
    router: Router
    experts: tuple[str, ...]
    scores: Mapping[str, Any]
    report: Mapping[str, Any] | None


def categories_of(router: Router) -> list[dict[str, Any]]:
    """Return a router's categories as JSON values; of the examples only how many there are."""
    return [
        {
            "id": category.id,
            "name": category.name,
            "description": category.description,
            "parent": category.parent,
            "examples": len(category.examples),
        }
        for category in router.taxonomy.categories
    ]


Loader = Callable[[bytes], LoadedVersion]
"""Raises :class:`RouterVersionInvalid` for bytes that are no usable artefact."""


def make_loader(build: Builder) -> Loader:
    """Return a loader that makes routers with ``build``."""

    def load(data: bytes) -> LoadedVersion:
        try:
            artifact = unpack(data)
            router = build(artifact)
        except ArtifactInvalid as error:
            raise RouterVersionInvalid(f"This artefact cannot be used: {error}.") from error
        except Exception as error:
            # Whatever a stranger's numbers break, it is these bytes that are at fault.
            raise RouterVersionInvalid(
                f"This artefact cannot be used: {type(error).__name__}: {error}."
            ) from error
        return _checked(artifact, router)

    return load


def _checked(artifact: Artifact, router: Router) -> LoadedVersion:
    """Let the router decide once, and pick out of the manifest what is kept beside the bytes."""
    experts = artifact.manifest.get("experts", [])
    if not isinstance(experts, list) or not all(_is_name(expert) for expert in experts):
        raise RouterVersionInvalid("This artefact cannot be used: 'experts' is no list of ids.")
    if len(experts) > MAX_EXPERTS:
        raise RouterVersionInvalid(f"This artefact names more than {MAX_EXPERTS} experts.")
    if not _is_name(router.version) or not router.policies:
        raise RouterVersionInvalid("This artefact has no usable version name, or no policy.")
    try:
        router.classify(_TRIAL)
    except Exception as error:
        raise RouterVersionInvalid(
            f"This artefact cannot classify a request: {type(error).__name__}: {error}."
        ) from error
    report = artifact.manifest.get("report")
    scores = artifact.manifest.get("scores")
    if _deeper_than(MAX_DEPTH, [report, scores]):
        raise RouterVersionInvalid(
            f"This artefact's report or scores are nested more than {MAX_DEPTH} deep."
        )
    return LoadedVersion(
        content_hash=artifact.content_hash,
        router=router,
        experts=tuple(dict.fromkeys(experts)),
        scores=scores if isinstance(scores, dict) else {},
        report=report if isinstance(report, dict) else None,
    )


def _deeper_than(depth: int, value: Any) -> bool:
    """Tell whether JSON data is nested deeper, without recursion."""
    level = [value]
    for _ in range(depth + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()
