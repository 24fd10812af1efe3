"""``coe router add-category``: one more category, the others proved to be as they were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.router import embedders, options

if TYPE_CHECKING:
    from router.data import Dataset
    from router.taxonomy import Category

_LONGEST = 100


def add_category(
    artifact: options.ArtifactDirectory,
    category: Annotated[str, typer.Option(metavar="ID", help="Of the new category.")],
    examples: Annotated[
        list[Path],
        typer.Option(
            exists=True,
            dir_okay=False,
            help="JSONL, CSV or Parquet file of five or more of its prompts, scored perhaps.",
        ),
    ],
    out: Annotated[Path, typer.Option(file_okay=False, help="Directory for the new artefact.")],
    name: Annotated[str | None, typer.Option(help="For people; the id by default.")] = None,
    description: Annotated[
        str | None, typer.Option(help="For people; the first example by default.")
    ] = None,
    parent: Annotated[str | None, typer.Option(help="Id of the broader category.")] = None,
    prompt_field: options.PromptField = "prompt",
    options_field: options.OptionsField = "options",
    scores_field: options.ScoresField = "scores",
    id_field: options.IdField = "id",
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Add a category to a router from a few examples, without learning the rest anew.

    Prompts stored in the artefact must all route as before; otherwise nothing is written.
    """
    from router.artifact import load, save
    from router.assembly import embedder_of
    from router.learning import add_to

    with options.sentences():
        fields = options.fields_of(prompt_field, "", options_field, scores_field, id_field)
        dataset = options.read(examples, fields)
        base = load(artifact)
        named = _category(category, name, description, parent, dataset)
        added = add_to(base, embedder_of(base, embedders.resolver()), named, dataset, seed=seed)
        save(added.artifact, out)
    manifest = added.artifact.manifest
    summary: dict[str, Any] = {
        "artifact": str(out),
        "version": f"{manifest['name']}-{added.artifact.content_hash[:8]}",
        "content_hash": added.artifact.content_hash,
        "category": category,
        "examples": added.examples,
        "recognised": added.recognised,
        "kept_by": added.overlaps,
        "before": added.before,
        "stored_unchanged": added.stored,
    }
    if as_json:
        output.as_json(summary)
        return
    before = ", ".join(f"{number} to {id_}" for id_, number in added.before.items())
    output.remark(f"Before, of the {added.examples} examples went {before}.")
    others = "".join(f" {number} stay with {id_}." for id_, number in added.overlaps.items())
    output.text(
        f"{summary['version']}: {added.recognised} of {added.examples} examples go to {category}."
        f"{others} All {added.stored} stored prompts route as before. Written to {out}."
    )


def _category(
    id_: str, name: str | None, description: str | None, parent: str | None, dataset: Dataset
) -> Category:
    from router.taxonomy import Category

    first = " ".join(dataset.prompts[0].split())
    shown = first if len(first) <= _LONGEST else first[:_LONGEST].rstrip() + " ..."
    return Category(
        id=id_,
        name=name or id_.replace("-", " ").capitalize(),
        description=description or f"Requests such as: {shown}",
        parent=parent,
    )
