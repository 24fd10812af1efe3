"""``coe router train``, ``evaluate``, ``compare``: local, without a server or a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output

if TYPE_CHECKING:
    from router import Router
    from router.data import Dataset
    from router.evaluation import Predictions, Prices
    from router.learning import Progress
    from router.reading import Fields

Data = Annotated[
    list[Path],
    typer.Option("--data", "-d", exists=True, dir_okay=False, help="JSONL, CSV or Parquet file."),
]
PromptField = Annotated[str, typer.Option(help="Column of the prompt.")]
CategoryField = Annotated[str, typer.Option(help="Column of the category's label.")]
OptionsField = Annotated[str, typer.Option(help="Column of the answer options.")]
ScoresField = Annotated[str, typer.Option(help="Column of the scores by expert.")]
IdField = Annotated[str, typer.Option(help="Column of the prompt's id.")]
Parameters = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="JSON file: expert to billions of active parameters. Needed for budgets.",
    ),
]
ArtifactDirectory = Annotated[
    Path, typer.Option("--artifact", exists=True, file_okay=False, help="What 'train' wrote.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")]
Html = Annotated[Path | None, typer.Option(help="Write a report to this HTML file.")]


def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="Directory for the artefact.")],
    name: Annotated[str, typer.Option(help="First part of the router's version.")] = "learned",
    budget: Annotated[
        list[str] | None,
        typer.Option(help="A further policy, NAME=BILLIONS of active parameters on average."),
    ] = None,
    active_parameters: Parameters = None,
    prompt_field: PromptField = "prompt",
    category_field: CategoryField = "category",
    options_field: OptionsField = "options",
    scores_field: ScoresField = "scores",
    id_field: IdField = "id",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Learn a router from prompts with labels and scores, and write it as an artefact."""
    from router import StaticEmbedder
    from router.artifact import save
    from router.learning import Plan, learn

    with _sentences():
        billions = _billions(active_parameters)
        plan = Plan(
            name=name,
            budgets=tuple(_budget(each) for each in budget or []),
            active_parameters=tuple(sorted(billions.items())),
            seed=seed,
        )
        fields = _fields(prompt_field, category_field, options_field, scores_field, id_field)
        with _progress(quiet=as_json) as progress:
            dataset = _read(data, fields)
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


def evaluate(
    artifact: ArtifactDirectory,
    data: Data,
    active_parameters: Parameters = None,
    html: Html = None,
    prompt_field: PromptField = "prompt",
    category_field: CategoryField = "category",
    options_field: OptionsField = "options",
    scores_field: ScoresField = "scores",
    id_field: IdField = "id",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure a router on prompts with scores, best on some it has not learned from."""
    from router.evaluation import evaluate as measure
    from router.evaluation import render

    with _sentences():
        fields = _fields(prompt_field, category_field, options_field, scores_field, id_field)
        dataset = _read(data, fields)
        router, billions = _router(artifact, active_parameters)
        with _progress(quiet=as_json) as progress:
            said = _observed(router, billions, dataset, progress)
        report = measure(dataset, said, _prices(dataset, billions), seed=seed)
    if html is not None:
        html.write_text(render(report, title=f"Router {router.version}"), encoding="utf-8")
        output.remark(f"Report written to {html}.")
    if as_json:
        output.as_json(report)
    else:
        _show(report, router.version)


def compare(
    artifact: ArtifactDirectory,
    candidate: Annotated[
        Path, typer.Option("--with", exists=True, file_okay=False, help="The other artefact.")
    ],
    data: Data,
    active_parameters: Parameters = None,
    prompt_field: PromptField = "prompt",
    category_field: CategoryField = "category",
    options_field: OptionsField = "options",
    scores_field: ScoresField = "scores",
    id_field: IdField = "id",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Set two routers side by side on the same prompts, with paired intervals."""
    from router.evaluation import compare as set_beside

    with _sentences():
        fields = _fields(prompt_field, category_field, options_field, scores_field, id_field)
        dataset = _read(data, fields)
        said = []
        for directory in (artifact, candidate):
            router, billions = _router(directory, active_parameters)
            with _progress(quiet=as_json) as progress:
                said.append(_observed(router, billions, dataset, progress))
        found = set_beside(dataset, said[0], said[1], _prices(dataset, billions), seed=seed)
    if as_json:
        output.as_json(found)
        return
    rows = [
        (name, _signed(each.get("difference")), _interval(each.get("ci95")), each.get("verdict"))
        for name, each in found["policies"].items()
    ]
    output.table(("policy", "difference", "95 % interval", "verdict"), rows, empty="no policies")


def _fields(prompt: str, category: str, options: str, scores: str, identifier: str) -> Fields:
    from router.reading import Fields

    return Fields(prompt=prompt, category=category, options=options, scores=scores, id=identifier)


def _read(paths: list[Path], fields: Fields) -> Dataset:
    from router.reading import read_dataset

    return read_dataset(paths, fields)


def _router(directory: Path, parameters: Path | None) -> tuple[Router, dict[str, float]]:
    """Return the router of an artefact, and its experts' active parameters."""
    from router import StaticEmbedder
    from router.artifact import load
    from router.assembly import router_of

    artifact = load(directory)
    known = artifact.manifest.get("active_parameters")
    billions = dict(known) if isinstance(known, dict) else {}
    return router_of(artifact, StaticEmbedder()), billions | _billions(parameters)


def _observed(
    router: Router, billions: dict[str, float], dataset: Dataset, progress: Progress
) -> Predictions:
    from router import Candidate
    from router.evaluation import observe

    pool = router.pool(
        [Candidate(id=name, active_parameters=billions.get(name)) for name in dataset.experts]
    )
    return observe(
        router,
        pool,
        dataset.prompts,
        dataset.experts,
        progress=lambda prompts: progress("deciding", prompts, len(prompts)),
    )


def _prices(dataset: Dataset, billions: dict[str, float]) -> Prices:
    import numpy as np

    from router.evaluation import Prices

    return Prices(
        active_parameters=np.array([billions.get(name, np.nan) for name in dataset.experts])
    )


def _billions(path: Path | None) -> dict[str, float]:
    """Read billions of active parameters by expert.

    Raises:
        DatasetInvalid: If the file is anything else.
    """
    from router.data import DatasetInvalid

    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        billions = {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DatasetInvalid(f"{path.name}: not a JSON object of numbers by expert") from error
    wrong = [name for name, value in billions.items() if not 0 < value < 1e6]
    if wrong:
        raise DatasetInvalid(f"{path.name}: {wrong[0]}: not a number of billions")
    return billions


def _budget(text: str) -> tuple[str, float]:
    name, _, limit = text.partition("=")
    try:
        value = float(limit)
    except ValueError:
        value = 0.0
    if not name or value <= 0:
        raise typer.BadParameter(f"{text!r}: give NAME=BILLIONS, such as small=31")
    return name, value


@contextmanager
def _sentences() -> Iterator[None]:
    """End the program with one sentence where the input is at fault."""
    from router.artifact import ArtifactInvalid
    from router.data import DatasetInvalid
    from router.mapping import InfeasibleBudget
    from router.taxonomy import InvalidTaxonomy

    try:
        yield
    except ArtifactInvalid as error:
        output.fail(f"This artefact cannot be used: {error}.")
    except (DatasetInvalid, InfeasibleBudget, InvalidTaxonomy) as error:
        output.fail(f"{error}.".replace("..", "."))


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Progress]:
    """Yield what wraps the parts of a task in a bar, on standard error."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True, disable=quiet) as bars:

        def wrap(task: str, parts: Iterable[Any], count: int) -> Iterable[Any]:
            return bars.track(parts, total=count, description=task)

        yield wrap


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
