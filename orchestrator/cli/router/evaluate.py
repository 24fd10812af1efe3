"""``coe router evaluate`` and ``compare``: local, without a server or a database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.router import deciding, options, tables

if TYPE_CHECKING:
    from router.data import Dataset
    from router.evaluation import Predictions
    from router.learning import Progress

TrainData = Annotated[
    list[Path] | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="What the router was trained on: peers' methods are fitted on it, and measured beside.",
    ),
]
Challenge = Annotated[
    int,
    typer.Option(
        min=0, help="Prompts to perturb and to attack, drawn from the data; 0 for none of either."
    ),
]


def evaluate(
    artifact: options.ArtifactDirectory,
    data: options.Data,
    train_data: TrainData = None,
    prices: options.PricesFile = None,
    active_parameters: options.Parameters = None,
    challenge: Challenge = 200,
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
    from router.evaluation import render

    with options.sentences(), options.progress_bars(quiet=as_json) as progress:
        fields = options.fields_of(
            prompt_field, category_field, options_field, scores_field, id_field
        )
        stated = options.prices_in(prices, active_parameters)
        dataset = options.read(data, fields)
        train = options.read(train_data, fields) if train_data else None
        subject = deciding.judged(artifact)
        report = _measured(subject, dataset, train, stated, challenge, seed, progress)
    version = subject.router.version
    if html is not None:
        names = ", ".join(path.name for path in data)
        _write(html, render(report, title=f"Router {version}", subtitle=f"Measured on {names}."))
    if as_json:
        output.as_json(report)
    else:
        tables.show_evaluation(report, version)


def compare(
    artifact: options.ArtifactDirectory,
    candidate: Annotated[
        Path, typer.Option("--with", exists=True, file_okay=False, help="The other artefact.")
    ],
    data: options.Data,
    prices: options.PricesFile = None,
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
    with options.sentences(), options.progress_bars(quiet=as_json) as progress:
        fields = options.fields_of(
            prompt_field, category_field, options_field, scores_field, id_field
        )
        stated = options.prices_in(prices, active_parameters)
        dataset = options.read(data, fields)
        subjects = [deciding.judged(artifact), deciding.judged(candidate)]
        found = _compared(subjects, dataset, stated, seed, progress)
    if as_json:
        output.as_json(found)
    else:
        tables.show_comparison(found)


def _measured(
    subject: deciding.Judged,
    dataset: Dataset,
    train: Dataset | None,
    stated: dict[str, Any],
    most: int,
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    from router.evaluation import Beside, aligned, expected_by_peers
    from router.evaluation import evaluate as measure

    experts = deciding.experts_asked(dataset, [subject])
    prices = deciding.costs(experts, [subject], stated)
    deciding.say_strangers(dataset, [subject])
    pool = deciding.pool_of(subject.router, experts, prices)
    said = deciding.observed(subject.router, pool, dataset, progress)
    paid = deciding.prices_of(dataset, prices)
    steady, fooled, peers = None, None, {}
    if most:
        steady, fooled = deciding.challenged(
            subject.router, pool, dataset, said, paid, most, seed, progress
        )
    if train is not None:
        _say_shared(dataset, train)
        train = aligned(train, dataset.experts)
        peers = expected_by_peers(
            train,
            dataset.prompts,
            subject.router.embedder,
            seed=seed,
            progress=lambda parts: progress("fitting peers", parts, len(parts)),
        )
    return measure(dataset, said, paid, Beside(train, peers, steady, fooled), seed=seed)


def _compared(
    subjects: list[deciding.Judged],
    dataset: Dataset,
    stated: dict[str, Any],
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    from router.evaluation import compare as set_beside

    experts = deciding.experts_asked(dataset, subjects)
    prices = deciding.costs(experts, subjects, stated)
    deciding.say_strangers(dataset, subjects)
    said: list[Predictions] = []
    for subject in subjects:
        pool = deciding.pool_of(subject.router, experts, prices)
        said.append(deciding.observed(subject.router, pool, dataset, progress))
    if dataset.experts and not set(said[0].choices) & set(said[1].choices):
        output.fail("The two routers have no policy in common: there is nothing to compare.")
    return set_beside(dataset, said[0], said[1], deciding.prices_of(dataset, prices), seed=seed)


def _say_shared(dataset: Dataset, train: Dataset) -> None:
    shared = len(set(dataset.prompts) & set(train.prompts))
    if shared:
        output.remark(
            f"{shared} of {len(dataset)} prompts are among the training data too: "
            "on these the router looks better than it is."
        )


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        output.fail(f"{path}: {error.strerror}.")
    output.remark(f"Report written to {path}.")
