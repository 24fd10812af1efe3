"""``coe router train``: local, without a server or a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.router import options


def train(
    data: options.Data,
    out: Annotated[Path, typer.Option(help="Directory for the artefact.")],
    name: Annotated[str, typer.Option(help="First part of the router's version.")] = "learned",
    budget: Annotated[
        list[str] | None,
        typer.Option(help="A further policy, NAME=BILLIONS of active parameters on average."),
    ] = None,
    active_parameters: options.Parameters = None,
    prompt_field: options.PromptField = "prompt",
    category_field: options.CategoryField = "category",
    options_field: options.OptionsField = "options",
    scores_field: options.ScoresField = "scores",
    id_field: options.IdField = "id",
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Learn a router from prompts with labels and scores, and write it as an artefact."""
    from router import StaticEmbedder
    from router.artifact import save
    from router.learning import Plan, learn

    with options.sentences():
        billions = options.billions_in(active_parameters)
        plan = Plan(
            name=name,
            budgets=tuple(_budget(each) for each in budget or []),
            active_parameters=tuple(sorted(billions.items())),
            seed=seed,
        )
        fields = options.fields_of(
            prompt_field, category_field, options_field, scores_field, id_field
        )
        with options.progress_bars(quiet=as_json) as progress:
            dataset = options.read(data, fields)
            artifact = learn(dataset, StaticEmbedder(), plan, progress)
        save(artifact, out)
    summary: dict[str, Any] = {
        "artifact": str(out),
        "version": f"{name}-{artifact.content_hash[:8]}",
        "content_hash": artifact.content_hash,
        "prompts": len(dataset),
        "categories": [entry["id"] for entry in artifact.manifest["taxonomy"]],
        "experts": list(artifact.manifest["experts"]),
        "policies": [entry["name"] for entry in artifact.manifest["policies"]],
    }
    if as_json:
        output.as_json(summary)
        return
    output.text(
        f"Learned {summary['version']} from {len(dataset)} prompts: {len(summary['categories'])} "
        f"categories, {len(summary['experts'])} experts. Written to {out}."
    )


def _budget(text: str) -> tuple[str, float]:
    name, _, limit = text.partition("=")
    try:
        value = float(limit)
    except ValueError:
        value = 0.0
    if not name or value <= 0:
        raise typer.BadParameter(f"{text!r}: give NAME=BILLIONS, such as small=31")
    return name, value
