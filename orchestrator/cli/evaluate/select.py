"""``coe evaluate select``: a small set of prompts that tells experts apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json
from orchestrator.cli.evaluate import gathering, options
from orchestrator.cli.router import embedders

if TYPE_CHECKING:
    from router.evidence.selection import Told


def select(
    prompts: options.Prompts,
    per_category: Annotated[int, typer.Option(min=1, help="Prompts of each category at most.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="File for the chosen prompts.")],
    scores: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Scores of experts on these prompts, as 'run' writes. Default: those in the file itself.",
        ),
    ] = None,
    blind: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Expert in the scores that guessed; what it passes tells nothing."
        ),
    ] = None,
    embedder: embedders.EmbedderName = "static",
    as_json: Json = False,
) -> None:
    """Choose few prompts that tell experts apart and are unlike each other, to ask the next expert."""
    from orchestrator.evaluations.prompts import read_prompts
    from orchestrator.evaluations.selecting import as_lines, selected
    from router.reading import read_dataset

    with gathering.sentences():
        tasks = read_prompts(prompts)
        stated = scores is not None or any(task.fields.get("scores") for task in tasks)
        data = read_dataset([scores or prompts]) if stated else None
        if data is None:
            output.remark("No scores: only that prompts are unlike each other counts.")
            if blind is not None:
                output.fail("--blind goes with scores.", code=2)
        found = selected(tasks, data, embedders.embedder_named(embedder), per_category, blind=blind)
        if not found.tasks and found.told is not None:
            output.fail(
                f"No prompt tells experts apart: {_left_out(found.told)}. Nothing was written."
            )
        out.write_text(as_lines(found.tasks), encoding="utf-8")
    report = found.report(len(tasks))
    if as_json:
        output.as_json(report)
        return
    rows = [
        [name or "-", part["chosen"], f"{part['coverage']:.3f}"]
        for name, part in report["categories"].items()
    ]
    output.table(["category", "chosen", "coverage"], rows, empty="No prompts.")
    if found.told is not None:
        output.remark(f"Left out as telling nothing: {_left_out(found.told)}.")
    output.remark(f"{len(found.tasks)} of {len(tasks)} prompts written to {out}.")


def _left_out(told: Told) -> str:
    return (
        f"{told.passed} that all pass, {told.failed} that all fail, {told.guessed} that a guess passes, "
        f"{told.unscored} without a score"
    )
