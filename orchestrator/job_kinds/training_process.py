"""The process of a training: ``python -m orchestrator.job_kinds.training_process FOLDER``.

It reads what is wanted and the data from the folder, says on standard output how far it is, a line of JSON each,
and writes the artefact. It needs no store and no secret, gives way to whatever else the machine does, and ends
when its standard input does: with the worker that began it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from router.artifact import Artifact
    from router.data import Dataset

REQUEST, ARTIFACT, RESULT = "request.json", "artifact", "result.json"
_AT_FAULT = 2
_NICENESS = 10
_KEPT = ("n", "category_accuracy", "ece", "best_single")


class Request(msgspec.Struct, frozen=True):
    """What is to be learned.

    Args:
        data: Names of files with prompts, in the folder.
        embedders: Folder of models.
        name: First part of the router's version.
        embedder: Name of the embedder.
        discover: Whether categories are to be found.
        categories: How many; ``None``: as many as there seem to be.
        grow: Whether prompts without a label may join a category.
        contrastive: Whether a head on the embedder is learned.
        stored: Prompts a category kept in the artefact.
        proof: Level of the test by which a specialist displaces the general expert.
        folds: Parts held out in turn.
        seed: Of everything that is drawn.
    """

    data: list[str]
    embedders: str | None
    name: str
    embedder: str
    discover: bool
    categories: int | None
    grow: bool
    contrastive: bool
    stored: int
    proof: float
    folds: int | None
    seed: int


def main() -> None:
    """Learn; at fault is the data, or the process ends as Python does where it is not."""
    folder = Path(sys.argv[1])
    os.nice(_NICENESS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from router.artifact import pack
    from router.data import DatasetInvalid
    from router.embedding.resolve import EmbedderUnavailable
    from router.mapping import InfeasibleBudget, SolverTimedOut
    from router.taxonomy import InvalidTaxonomy

    request = msgspec.json.decode((folder / REQUEST).read_bytes(), type=Request)
    try:
        artifact, dataset = learned(request, folder)
    except (
        DatasetInvalid,
        EmbedderUnavailable,
        InfeasibleBudget,
        InvalidTaxonomy,
        SolverTimedOut,
    ) as error:
        sys.stderr.write(f"{error}.".replace("..", "."))
        sys.exit(_AT_FAULT)
    (folder / ARTIFACT).write_bytes(pack(artifact))
    (folder / RESULT).write_bytes(msgspec.json.encode(told(artifact, dataset)))


def learned(request: Request, folder: Path) -> tuple[Artifact, Dataset]:
    """Learn a router, and measure on parts of the data what the rest teaches.

    Raises:
        DatasetInvalid: If nothing can be learned from the data.
    """
    from orchestrator.routers.building import make_resolver
    from router.learning import (
        NotMeasured,
        Plan,
        learn,
        measured,
        remembered,
        usual_folds,
        with_report,
    )
    from router.reading import read_dataset

    plan = Plan(
        name=request.name,
        seed=request.seed,
        discover=(request.categories or 0) if request.discover else None,
        grow=request.grow,
        stored=request.stored,
        proof=request.proof,
        contrastive=request.contrastive,
    )
    dataset = read_dataset([folder / name for name in request.data])
    resolver = make_resolver(Path(request.embedders) if request.embedders else None)
    known = remembered(dataset, resolver.named(request.embedder), progress)
    artifact = learn(dataset, known, plan, progress)
    folds = usual_folds(len(dataset)) if request.folds is None else request.folds
    if not folds:
        return artifact, dataset
    try:
        report = measured(dataset, known, plan, folds=folds, progress=progress)
    except NotMeasured:
        return artifact, dataset
    return with_report(artifact, report), dataset


def told(artifact: Artifact, dataset: Dataset) -> dict[str, Any]:
    """Return what there is to say of a router that was learned."""
    manifest = artifact.manifest
    report = manifest.get("report")
    return {
        "prompts": len(dataset),
        "categories": len(manifest["taxonomy"]),
        "experts": list(manifest["experts"]),
        "held_out": None if report is None else {name: report.get(name) for name in _KEPT},
    }


def progress(task: str, parts: Iterable[Any], count: int) -> Iterator[Any]:
    """Pass on the parts of a task, and say how far it is."""
    for done, part in enumerate(parts):
        sys.stdout.buffer.write(msgspec.json.encode((task, done, count)) + b"\n")
        sys.stdout.buffer.flush()
        yield part


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
