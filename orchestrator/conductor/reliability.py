"""A reliability model on disk: JSON and safetensors, hashed, as a learned router is."""

from __future__ import annotations

from pathlib import Path

from orchestrator.conductor.panel import Reliability
from router.artifact import Artifact, ArtifactInvalid, load, save, seal

KIND = "reliability"


def write(model: Reliability, directory: Path) -> str:
    """Write a model into a directory, which is made.

    Returns:
        The content's hash.
    """
    artifact = sealed(model)
    save(artifact, directory)
    return artifact.content_hash


def read(directory: Path) -> Reliability:
    """Read a model.

    Raises:
        ArtifactInvalid: If there is none, or it is damaged, newer than this release, or of another
            kind.
    """
    return opened(load(directory))


def sealed(model: Reliability) -> Artifact:
    """Return a model as an artefact."""
    return seal({"kind": KIND, "experts": list(model.experts)}, model.arrays())


def opened(artifact: Artifact) -> Reliability:
    """Return the model in an artefact.

    Raises:
        ArtifactInvalid: If it holds none.
    """
    experts = artifact.manifest.get("experts")
    named = isinstance(experts, list) and all(isinstance(each, str) for each in experts)
    if artifact.manifest.get("kind") != KIND or not named:
        raise ArtifactInvalid("this artefact holds no reliability model")
    try:
        return Reliability.load(artifact.tensors, list(experts or ()))
    except (KeyError, ValueError) as error:
        raise ArtifactInvalid(f"its reliability model cannot be used ({error})") from error
