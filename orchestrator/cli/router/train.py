"""``coe router train``: local, without a server or a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.router import embedders, limits, options
from orchestrator.cli.router.deciding import costs

if TYPE_CHECKING:
    from router.artifact import Artifact
    from router.data import Dataset
    from router.embedding import Embedder
    from router.learning import Plan, Progress
    from router.prices import Price

_SHOWN = 20


def train(
    data: options.Data,
    out: Annotated[Path, typer.Option(file_okay=False, help="Directory for the artefact.")],
    name: Annotated[str, typer.Option(help="First part of the router's version.")] = "learned",
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            metavar="FILE",
            help="Categories with descriptions and examples; prompts then need no labels.",
        ),
    ] = None,
    discover: Annotated[
        bool, typer.Option("--discover", help="Find categories in prompts without labels.")
    ] = False,
    categories: Annotated[
        int | None, typer.Option(min=2, help="So many to be found, with --discover.")
    ] = None,
    grow: Annotated[bool, typer.Option(help="Let prompts without a label join a category.")] = True,
    budget: limits.Budgets = None,
    resident: limits.Resident = None,
    max_experts: limits.MaxExperts = None,
    prices: options.PricesFile = None,
    active_parameters: options.Parameters = None,
    proof: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Level of the test by which a specialist displaces the general expert in a "
            "category's mapping; 1: it did better.",
        ),
    ] = 1.0,
    embedder: embedders.EmbedderName = "static",
    contrastive: embedders.Contrastive = False,
    stored: Annotated[
        int,
        typer.Option(
            min=0, help="Prompts a category kept in the artefact, to prove changes harmless."
        ),
    ] = 20,
    folds: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Parts held out in turn to measure the router; 1 holds out a fifth, 0 nothing. "
            "By default 5 up to 1,500 prompts, 1 beyond.",
        ),
    ] = None,
    prompt_field: options.PromptField = "prompt",
    category_field: options.CategoryField = "category",
    options_field: options.OptionsField = "options",
    scores_field: options.ScoresField = "scores",
    id_field: options.IdField = "id",
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Learn a router from prompts with labels and scores, and write it as an artefact."""
    from router.artifact import save
    from router.learning import Plan
    from router.taxonomy import read_taxonomy

    if categories is not None and not discover:
        raise typer.BadParameter("--categories goes with --discover")
    with options.sentences():
        known = options.prices_in(prices, active_parameters)
        plan = Plan(
            name=name,
            budgets=limits.budgets_of(budget, resident, max_experts),
            prices=tuple(sorted(known.items())),
            seed=seed,
            taxonomy=read_taxonomy(taxonomy) if taxonomy is not None else None,
            discover=(categories or 0) if discover else None,
            grow=grow,
            stored=stored,
            proof=proof,
            contrastive=contrastive,
        )
        fields = options.fields_of(
            prompt_field, category_field, options_field, scores_field, id_field
        )
        with options.progress_bars(quiet=as_json) as progress:
            dataset = options.read(data, fields)
            if limits.on_parameters(plan.budgets):
                plan = replace(plan, prices=_with_sizes(dataset.experts, known))
            chosen = embedders.embedder_named(embedder, plan.taxonomy)
            artifact = _learned(dataset, chosen, plan, folds, progress)
        save(artifact, out)
    summary = _summary(artifact, dataset, out)
    if as_json:
        output.as_json(summary)
    else:
        _show(summary)


def _with_sizes(experts: Sequence[str], known: dict[str, Price]) -> tuple[tuple[str, Price], ...]:
    """Return prices with the sizes that names tell, where none are stated."""
    return tuple(sorted(costs(experts, (), known).items()))


def _learned(
    dataset: Dataset, embedder: Embedder, plan: Plan, folds: int | None, progress: Progress
) -> Artifact:
    """Learn the router, and measure on parts of the data what the rest teaches."""
    from router.learning import (
        NotMeasured,
        learn,
        measured,
        remembered,
        usual_folds,
        with_report,
    )

    known = remembered(dataset, embedder, progress)
    artifact = learn(dataset, known, plan, progress)
    folds = usual_folds(len(dataset)) if folds is None else folds
    if not folds:
        return artifact
    try:
        report = measured(dataset, known, plan, folds=folds, progress=progress)
    except NotMeasured as error:
        output.remark(f"Not measured: of a part of the prompts nothing can be learned ({error}).")
        return artifact
    return with_report(artifact, report)


def _summary(artifact: Artifact, dataset: Dataset, out: Path) -> dict[str, Any]:
    manifest = artifact.manifest
    return {
        "artifact": str(out),
        "version": f"{manifest['name']}-{artifact.content_hash[:8]}",
        "content_hash": artifact.content_hash,
        "prompts": len(dataset),
        "categories": [entry["id"] for entry in manifest["taxonomy"]],
        "experts": list(manifest["experts"]),
        "policies": [entry["name"] for entry in manifest["policies"]],
        "growth": manifest["growth"],
        "judged": manifest.get("judged"),
        "held_out": _held_out(manifest.get("report")),
    }


def _held_out(report: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the main figures of a report."""
    if report is None:
        return None
    kept = ("n", "category_accuracy", "ece", "best_single")
    policies = {
        name: {
            key: each.get(key) for key in ("quality", "gain", "ci95", "active_parameters", "cost")
        }
        for name, each in report["policies"].items()
    }
    how = report["held_out"]["how"]
    return {"how": how, **{key: report.get(key) for key in kept}, "policies": policies}


def _show(summary: dict[str, Any]) -> None:
    growth = summary["growth"]
    if growth["unlabelled"]:
        _show_growth(growth)
    if summary["judged"]:
        _show_judge(summary["judged"])
    if not summary["experts"]:
        output.remark(
            "No scores: the router learned categories alone, and takes experts at their description."
        )
    output.text(
        f"Learned {summary['version']} from {summary['prompts']} prompts: "
        f"{len(summary['categories'])} categories, {len(summary['experts'])} experts. "
        f"Written to {summary['artifact']}."
    )
    if summary["held_out"]:
        _show_held_out(summary["held_out"])


def _show_growth(growth: dict[str, Any]) -> None:
    """Say which prompts joined a category."""
    output.text(
        f"{growth['labelled']} prompts have a label, {growth['unlabelled']} have none; "
        f"{growth['joined']} of these joined a category, {growth['left']} teach none."
    )
    told = growth["held_out"]
    if told is not None:
        kept = "" if growth["joined"] else ", so none joined"
        output.text(
            f"Held-out labels are found again {told['before']:.0%} before, "
            f"{told['after']:.0%} after growing{kept}."
        )
    entries = sorted(growth["categories"].items(), key=lambda entry: -entry[1]["joined"])
    rows = [(name, each["labelled"], each["joined"]) for name, each in entries[:_SHOWN]]
    if growth["joined"]:
        output.table(("category", "labelled", "joined"), rows, empty="")
    if growth["joined"] and len(entries) > _SHOWN:
        output.remark(f"And {len(entries) - _SHOWN} more categories.")


def _show_judge(judged: dict[str, Any]) -> None:
    """Say how far the judge can be trusted."""
    low, high = judged["first_wins_ci95"]
    output.text(
        f"{judged['verdicts']} verdicts of a judge; {judged['both_orders']} pairs in both orders. "
        f"The answer shown first wins {judged['first_wins']:.1%} ({low:.1%} to {high:.1%})."
    )


def _show_held_out(found: dict[str, Any]) -> None:
    """Show how such a router did on prompts it was not shown."""
    best = found["best_single"]
    rows = [] if best is None else [(f"best single ({best['expert']})", best["quality"], "", "")]
    for name, each in found["policies"].items():
        low, high = each["ci95"] or (None, None)
        interval = "" if low is None else f"{low:+.3f} to {high:+.3f}"
        gain = "" if each["gain"] is None else f"{each['gain']:+.3f}"
        rows.append((f"policy {name}", each["quality"], gain, interval))
    shown = [
        (name, "" if quality is None else f"{quality:.3f}", *rest) for name, quality, *rest in rows
    ]
    accuracy = found["category_accuracy"]
    right = "" if accuracy is None else f", category accuracy {accuracy:.3f}"
    output.text(f"Measured on {found['n']} prompts, {found['how']}{right}:")
    output.table(("", "quality", "gain", "95 % interval"), shown, empty="No scores to measure by.")
