"""``coe router evaluate`` and ``compare``: local, without a server or a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.router import options
from orchestrator.cli.router.deciding import observed, prices_of, router_and_sizes


def evaluate(
    artifact: options.ArtifactDirectory,
    data: options.Data,
    active_parameters: options.Parameters = None,
    html: options.Html = None,
    prompt_field: options.PromptField = "prompt",
    category_field: options.CategoryField = "category",
    options_field: options.OptionsField = "options",
    scores_field: options.ScoresField = "scores",
    id_field: options.IdField = "id",
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Measure a router on prompts with scores, best on some it has not learned from."""
    from router.evaluation import evaluate as measure
    from router.evaluation import render

    with options.sentences():
        fields = options.fields_of(
            prompt_field, category_field, options_field, scores_field, id_field
        )
        dataset = options.read(data, fields)
        router, billions = router_and_sizes(artifact, active_parameters)
        with options.progress_bars(quiet=as_json) as progress:
            said = observed(router, billions, dataset, progress)
        report = measure(dataset, said, prices_of(dataset, billions), seed=seed)
    if html is not None:
        html.write_text(render(report, title=f"Router {router.version}"), encoding="utf-8")
        output.remark(f"Report written to {html}.")
    if as_json:
        output.as_json(report)
    else:
        _show(report, router.version)


def compare(
    artifact: options.ArtifactDirectory,
    candidate: Annotated[
        Path, typer.Option("--with", exists=True, file_okay=False, help="The other artefact.")
    ],
    data: options.Data,
    active_parameters: options.Parameters = None,
    prompt_field: options.PromptField = "prompt",
    category_field: options.CategoryField = "category",
    options_field: options.OptionsField = "options",
    scores_field: options.ScoresField = "scores",
    id_field: options.IdField = "id",
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Set two routers side by side on the same prompts, with paired intervals."""
    from router.evaluation import compare as set_beside

    with options.sentences():
        fields = options.fields_of(
            prompt_field, category_field, options_field, scores_field, id_field
        )
        dataset = options.read(data, fields)
        said = []
        for directory in (artifact, candidate):
            router, billions = router_and_sizes(directory, active_parameters)
            with options.progress_bars(quiet=as_json) as progress:
                said.append(observed(router, billions, dataset, progress))
        found = set_beside(dataset, said[0], said[1], prices_of(dataset, billions), seed=seed)
    if as_json:
        output.as_json(found)
        return
    rows = [
        (name, _signed(each.get("difference")), _interval(each.get("ci95")), each.get("verdict"))
        for name, each in found["policies"].items()
    ]
    output.table(("policy", "difference", "95 % interval", "verdict"), rows, empty="no policies")


def _show(report: dict[str, Any], version: str) -> None:
    best = report["best_single"]
    output.text(f"{version} on {report['n']} prompts")
    rows = [
        ("random", report["random"], "", "", ""),
        (f"best single ({best['expert']})", best["quality"], "", "", ""),
        ("perfect categories", report["perfect_category"], "", "", ""),
        ("oracle", report["oracle"], "", "", ""),
    ]
    rows += [
        (
            f"policy {name}",
            each["quality"],
            _signed(each["gain"]),
            _interval(each["ci95"]),
            each["active_parameters"],
        )
        for name, each in report["policies"].items()
    ]
    shown = [
        (name, *(round(v, 4) if isinstance(v, float) else v for v in values))
        for name, *values in rows
    ]
    output.table(
        ("", "quality", "gain", "95 % interval", "billion parameters"), shown, empty="nothing"
    )
    accuracy = report["category_accuracy"]
    if accuracy is not None:
        output.remark(f"category accuracy {accuracy:.3f}")


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _interval(found: list[float] | None) -> str:
    return "" if not found else f"{found[0]:+.4f} to {found[1]:+.4f}"
