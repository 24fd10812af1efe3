"""``coe conductor``: the strategies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import local_experts, output
from orchestrator.cli import strategies as strategy_commands
from orchestrator.cli.connection import Json, Key, Url
from orchestrator.cli.teach import teach

if TYPE_CHECKING:
    from experts.catalogue.expert import Expert
    from orchestrator.conductor.evaluation.evaluate import Setting
    from orchestrator.conductor.evaluation.local import Local
    from orchestrator.conductor.evaluation.record import Record
    from orchestrator.conductor.evaluation.tasks import GradedTask
    from orchestrator.conductor.limits import Limits
    from orchestrator.conductor.strategies import Strategy

app = typer.Typer(no_args_is_help=True, help="Strategies that answer with several expert calls.")

_DEFAULT = "direct,cot,cot+python,self-consistency,conductor"
_VOTING = "self-consistency"


app.command("list")(strategy_commands.list_strategies)
app.command("draw")(strategy_commands.draw)
app.command("assign")(strategy_commands.assign)
app.command("assignments")(strategy_commands.assignments)
app.command("unassign")(strategy_commands.unassign)
app.command("teach")(teach)


@app.command()
def evaluate(
    tasks: Annotated[
        Path,
        typer.Option(
            exists=True, dir_okay=False, help="JSON lines: category, prompt, target, grader."
        ),
    ],
    strategies: Annotated[
        str, typer.Option(metavar="NAMES", help="Names of strategies, with commas between.")
    ] = _DEFAULT,
    experts: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Catalogue file, as 'coe experts apply' reads. Default: the service's catalogue.",
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, help="So many tasks, drawn evenly over categories.")
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Only tasks of this category; may be repeated.")
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, max=64, help="Answers that self-consistency votes on.")
    ] = 5,
    policy: Annotated[str, typer.Option(help="Under which experts are chosen.")] = "quality",
    max_calls: Annotated[int, typer.Option(min=1, help="Expert calls of one run at most.")] = 32,
    max_usd: Annotated[float, typer.Option(help="US dollars of one run at most.")] = 1.0,
    max_seconds: Annotated[float, typer.Option(help="Seconds of one run at most.")] = 300.0,
    form: Annotated[
        bool, typer.Option(help="Ask in every prompt for the answer in a line of its own.")
    ] = True,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Runs under way at a time.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn; passed on to experts.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="File for every single result. Where it is there already, it is gone on with.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a report to this HTML file.")
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Run tasks with known answers under strategies: what they gain, and what they cost.

    Runs here, with the experts of a file or of the service's catalogue; keys are read from the
    environment variables that the entries name.
    """
    import asyncio

    from orchestrator.conductor.evaluation.report import render
    from orchestrator.conductor.evaluation.summary import summarise

    with _sentences():
        chosen = _strategies(strategies, samples)
        drawn = _tasks(tasks, n, category, seed)
        entries = local_experts.entries(experts, url, key)
        limits = _limits(max_calls, max_usd, max_seconds)

        def setting(local: Local) -> Setting:
            return _setting(local, limits, policy, seed, form=form, at_once=at_once)

        with _progress(len(drawn) * len(chosen), quiet=as_json) as tick:
            records = asyncio.run(_records(drawn, chosen, entries, setting, out, samples, tick))
    report = summarise(records, seed=seed)
    if html is not None:
        _write(html, render(report, subtitle=f"Measured on {tasks.name}."))
    if as_json:
        output.as_json(report)
    else:
        _show(report)


async def _records(
    tasks: list[GradedTask],
    strategies: list[Strategy],
    entries: list[Expert],
    setting_of: Callable[[Local], Setting],
    out: Path | None,
    samples: int,
    tick: Callable[[Record], None],
) -> list[Record]:
    from orchestrator.conductor.evaluation.evaluate import evaluate as run_all
    from orchestrator.conductor.evaluation.evaluate import usable
    from orchestrator.conductor.evaluation.local import open_local
    from orchestrator.conductor.evaluation.record import RecordFile

    async with open_local(entries) as local:
        setting = setting_of(local)
        if out is None:
            return await run_all(tasks, strategies, setting, finished=tick)
        texts = "\n".join(entry.model_dump_json(exclude_unset=True) for entry in entries)
        file = RecordFile(out, setting.fingerprint(texts, samples))
        for record in usable(file.found, tasks, strategies):
            tick(record)

        def finished(record: Record) -> None:
            file.add(record)
            tick(record)

        try:
            return await run_all(tasks, strategies, setting, done=file.found, finished=finished)
        finally:
            file.close()


def _setting(
    local: Local, limits: Limits, policy: str, seed: int, *, form: bool, at_once: int
) -> Setting:
    from orchestrator.conductor.evaluation.evaluate import Setting

    if policy not in local.router.policies:
        known = ", ".join(local.router.policies)
        output.fail(f"There is no policy '{policy}'; there are {known}.", code=2)
    return Setting(
        experts_for=local.experts_for,
        sandbox=local.sandbox,
        grading=local.grading,
        limits=limits,
        policy=policy,
        parameters={"seed": seed},
        form=form,
        at_once=at_once,
        active_parameters=local.active_parameters,
    )


def _strategies(names: str, samples: int) -> list[Strategy]:
    from orchestrator.conductor.strategies import STRATEGIES
    from orchestrator.conductor.strategies.self_consistency import self_consistency

    chosen = []
    for name in dict.fromkeys(each.strip() for each in names.split(",") if each.strip()):
        if name not in STRATEGIES:
            output.fail(
                f"There is no strategy '{name}'; there are {', '.join(STRATEGIES)}.", code=2
            )
        chosen.append(self_consistency(samples) if name == _VOTING else STRATEGIES[name])
    if not chosen:
        output.fail("Name at least one strategy.", code=2)
    return chosen


def _tasks(
    path: Path, count: int | None, categories: list[str] | None, seed: int
) -> list[GradedTask]:
    from orchestrator.conductor.evaluation.tasks import drawn, read_tasks

    tasks = read_tasks(path)
    if categories:
        there = dict.fromkeys(task.category for task in tasks)
        for name in categories:
            if name not in there:
                output.fail(f"There is no category '{name}'; there are {', '.join(there)}.", code=2)
        tasks = [task for task in tasks if task.category in categories]
    return tasks if count is None else drawn(tasks, count, seed=seed)


def _limits(calls: int, usd: float, seconds: float) -> Limits:
    from orchestrator.conductor.limits import Limits

    try:
        return Limits(calls=calls, usd=usd, seconds=seconds)
    except ValueError as error:
        output.fail(f"{error}.", code=2)


@contextmanager
def _sentences() -> Iterator[None]:
    """End the program with one sentence where the input is at fault."""
    from experts.catalogue.errors import CatalogueInvalid
    from orchestrator.cli.catalogue_file import FileInvalid
    from orchestrator.conductor.evaluation.graders import UnknownGrader
    from orchestrator.conductor.evaluation.graders.checkmate import ChessMissing
    from orchestrator.conductor.evaluation.record import OutputInvalid
    from orchestrator.conductor.evaluation.tasks import TasksInvalid

    try:
        yield
    except (
        CatalogueInvalid,
        ChessMissing,
        FileInvalid,
        OutputInvalid,
        TasksInvalid,
        UnknownGrader,
    ) as error:
        output.fail(f"{error}.".replace("..", "."))


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[Record], None]]:
    """Yield what is told every result: a bar on standard error, with what was spent so far."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("${task.fields[usd]:.4f}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bars:
        bar = bars.add_task("running", total=total, usd=0.0)
        spent = 0.0

        def tick(record: Record) -> None:
            nonlocal spent
            spent += record.usd
            bars.update(bar, advance=1, usd=spent, description=record.strategy)

        yield tick


def _show(report: dict[str, Any]) -> None:
    from orchestrator.conductor.evaluation.report import equal_cost_cells

    rows = []
    for name, found in report["strategies"].items():
        against = found["against_direct"] or {}
        rows.append(
            [
                name,
                _figure(found["accuracy"]),
                _interval(found["ci95"]),
                found["n"],
                "-" if name == "direct" else _signed(against.get("gain")),
                "-" if name == "direct" else _interval(against.get("ci95"), "+.3f"),
                f"${found['usd'] * 1000:.3g}",
                round(found["tokens"]),
                round(found["calls"], 2),
                round(found["seconds"], 2),
                found["stopped"],
                found["failed"],
            ]
        )
    columns = ["strategy", "accuracy", "95 %", "n", "gain", "95 %", "$/1000", "tokens", "calls"]
    columns += ["s", "stopped", "failed"]
    output.table(columns, rows, empty="No results.")
    head, cells = equal_cost_cells(report)
    if cells:
        output.text("\nat equal cost")
        output.table(head, cells, empty="")
    ungradeable = sum(found["ungradeable"] for found in report["strategies"].values())
    if ungradeable:
        output.remark(f"{ungradeable} answers could not be graded here and are left out:")
        for each in report["ungradeable"]:
            output.remark(f"  {each['n']} x {each['category']}: {each['reason']}")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.3f}"


def _interval(ends: list[float] | None, form: str = ".3f") -> str:
    return f"{ends[0]:{form}} to {ends[1]:{form}}" if ends else "-"


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        output.fail(f"{path}: {error.strerror}.")
    output.remark(f"Report written to {path}.")
