"""``coe jobs start``: exports, trainings and evaluations that workers do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected
from orchestrator.cli.jobs_watched import Out, ended, saved

if TYPE_CHECKING:
    from coe_client import Coe

app = typer.Typer(
    no_args_is_help=True,
    help="Start an export, a training or an evaluation, which a worker does.",
)

Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until it has ended; else say its id.")
]
Note = Annotated[str, typer.Option(help="What it is, for people.")]


@app.command("export")
def start_export(
    start: Annotated[
        str | None, typer.Option(help="A day or a moment. Default: 30 days before the end.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="Likewise; not part of it. Default: now.")] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Whose usage; '*': everybody's. Default: the key's tenant.")
    ] = None,
    expert: Annotated[str | None, typer.Option(help="Only what this expert answered.")] = None,
    file_format: Annotated[
        Literal["csv", "jsonl", "parquet"], typer.Option("--format", help="Of the file.")
    ] = "csv",
    out: Out = None,
    wait: Wait = True,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Write the usage records of a period into a file."""
    usage = _given(start=start, end=end, tenant=tenant, expert=expert, format=file_format)
    _start("export", lambda _: {"usage": usage}, out, wait, url, key, as_json)


@app.command("training")
def start_training(
    data: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="Prompts with labels and scores, as for 'router train'.",
        ),
    ] = None,
    feedback_days: Annotated[
        int | None, typer.Option(min=1, help="Learn from feedback on requests of so many days.")
    ] = None,
    name: Annotated[str, typer.Option(help="First part of the router's version.")] = "learned",
    embedder: Annotated[str, typer.Option(help="As for 'router train'.")] = "static",
    discover: Annotated[
        bool, typer.Option("--discover", help="Find categories in prompts without labels.")
    ] = False,
    folds: Annotated[
        int | None, typer.Option(min=0, help="Parts held out in turn to measure the router.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    shadow: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Let it decide in the shadow for this share of requests."),
    ] = None,
    note: Note = "",
    wait: Wait = True,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Learn a router from a file, from feedback or both, and store it as a version to be tried."""
    learning = _given(name=name, embedder=embedder, discover=discover, folds=folds, seed=seed)
    wanted = _given(feedback_days=feedback_days, learning=learning, note=note, shadow_share=shadow)

    def fields(client: Coe) -> dict[str, Any]:
        if data is None:
            return wanted
        return {**wanted, "input_file_id": client.files.upload(data, purpose="fine-tune").id}

    _start("training", fields, None, wait, url, key, as_json)


@app.command("evaluation")
def start_evaluation(
    prompts: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="JSON lines, as for 'evaluate run'."),
    ],
    experts: Annotated[
        str | None, typer.Option(help="Who answers, with commas between. Default: all but judges.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="Who compares answers to prompts without a target.")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Compare all with this expert only.")] = None,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Ask each prompt so often.")] = 1,
    count: Annotated[
        int | None, typer.Option("--n", min=1, help="So many prompts, drawn over categories.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Only prompts of this category; may be repeated.")
    ] = None,
    max_usd: Annotated[float | None, typer.Option(min=0, help="US dollars at most.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of an answer.")] = 2048,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    form: Annotated[bool, typer.Option(help="Ask for the answer in a line of its own.")] = True,
    out: Out = None,
    wait: Wait = True,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Put prompts to experts through the workers; grade and judge the answers, and make a report."""
    wanted = _given(
        experts=_listed(experts),
        judges=_listed(judge),
        against=against,
        repeat=repeat,
        count=count,
        categories=category,
        max_usd=max_usd,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        form=form,
    )

    def fields(client: Coe) -> dict[str, Any]:
        return {**wanted, "input_file_id": client.files.upload(prompts, purpose="evals").id}

    _start("evaluation", fields, out, wait, url, key, as_json)


def _start(
    kind: str,
    fields: Callable[[Coe], dict[str, Any]],
    out: Path | None,
    wait: bool,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Start a job; see it through, unless that is not wanted."""
    with connected(url, key) as client:
        job = client.jobs.start(kind, **fields(client))
        if wait:
            job = ended(client, job.id)
            if out is not None:
                saved(client, job, out)
    if as_json:
        output.as_json(job)
    elif not wait:
        output.text(job.id)
    else:
        output.fields(job)
    if wait and job.state != "finished":
        output.fail(f"{job.id} is {job.state}: {job.error_message or 'it was stopped'}")


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _listed(names: str | None) -> list[str] | None:
    if names is None:
        return None
    return [name.strip() for name in names.split(",") if name.strip()]
