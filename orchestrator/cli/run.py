"""``coe run`` and ``coe runs``: tasks that are worked on in the background, watched as they go."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected
from orchestrator.cli.run_tree import RunTree, follow

if TYPE_CHECKING:
    from coe_client import Coe
    from coe_client.types import Run

app = typer.Typer(no_args_is_help=True, help="Runs in the background.")
LARGEST_PAGE = 100

RunId = Annotated[str, typer.Argument(metavar="ID", help="The run's id.")]
Step = Annotated[str | None, typer.Option(help="Key of the step. Default: the only one.")]


def run(
    task: Annotated[str | None, typer.Argument(help="The task. Default: standard input.")] = None,
    strategy: Annotated[str, typer.Option(help="How it is worked on.")] = "conductor",
    policy: Annotated[
        str | None, typer.Option(help="quality, balanced, economy or your own.")
    ] = None,
    usd: Annotated[float | None, typer.Option(help="Most US dollars it may cost.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Most seconds it may take.")] = None,
    calls: Annotated[int | None, typer.Option(help="Most calls of experts.")] = None,
    depth: Annotated[
        int | None, typer.Option(help="Most levels of work: parts of parts are the third.")
    ] = None,
    context: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, dir_okay=False, help="A text to go by, the most trusted first; repeatable."
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A JSON schema that the answer has to fit."),
    ] = None,
    approve: Annotated[
        list[str] | None,
        typer.Option(help="A kind of step that waits until it is allowed, such as python."),
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Print the run's id and leave it to itself.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Work on a task with several experts, and watch the steps; Ctrl-C cancels the run."""
    text = sys.stdin.read() if task is None else task
    if not text.strip():
        output.fail("The task is empty.", code=2)
    limits = {"usd": usd, "seconds": seconds, "calls": calls, "depth": depth}
    given = {name: value for name, value in limits.items() if value is not None}
    with connected(url, key) as client:
        started = client.runs.start(
            text,
            strategy=strategy,
            policy=policy,
            context=[_read(path) for path in context or ()] or None,
            checks=None if schema is None else [{"schema": _json(schema)}],
            limits=given or None,
            approval=approve or None,
        )
        if background and not as_json:
            output.text(started.id)
        elif background:
            output.as_json(started)
        else:
            _watch(client, started.id, as_json=as_json)


@app.command("list")
def list_runs(
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    status: Annotated[
        str | None,
        typer.Option(help="Only queued, running, waiting, finished, failed or cancelled."),
    ] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """List the latest runs."""
    with connected(url, key) as client:
        found = client.runs.list(status=status, page_size=min(limit, LARGEST_PAGE))
        runs = list(islice(found, limit))
    if as_json:
        output.as_json(runs)
        return
    rows = (
        [each.id, each.created_at, each.status, each.strategy, each.spent.calls, each.spent.usd,
         each.spent.seconds]
        for each in runs
    )  # fmt: skip
    columns = ["run", "at", "status", "strategy", "calls", "$", "s"]
    output.table(columns, rows, empty="No runs yet.")


@app.command()
def show(
    run_id: RunId,
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a picture of its steps instead, as Mermaid.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Show a run with its steps."""
    with connected(url, key) as client:
        if mermaid:
            output.text(client.runs.graph(run_id))
            return
        found = client.runs.get(run_id)
    if as_json:
        output.as_json(found)
        return
    tree = RunTree(found.strategy)
    for step in found.steps:
        tree.update(step)
    tree.print()
    _ending(found)


@app.command()
def watch(run_id: RunId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Watch a run from its beginning to its end; Ctrl-C leaves it to itself."""
    with connected(url, key) as client:
        _watch(client, run_id, as_json=as_json, cancels=False)


@app.command()
def cancel(run_id: RunId, url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """Cancel a run."""
    with connected(url, key) as client:
        _told(client.runs.cancel(run_id), as_json=as_json)


@app.command()
def approve(
    run_id: RunId, step: Step = None, url: Url = None, key: Key = None, as_json: Json = False
) -> None:
    """Allow a step that waits."""
    with connected(url, key) as client:
        _told(client.runs.approve(run_id, step), as_json=as_json)


@app.command()
def reject(
    run_id: RunId,
    step: Step = None,
    reason: Annotated[str, typer.Option(help="Told to whoever wanted the step.")] = "",
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Do not allow a step that waits; the run goes on without."""
    with connected(url, key) as client:
        _told(client.runs.reject(run_id, step, reason=reason), as_json=as_json)


@app.command()
def replay(
    run_id: RunId,
    from_step: Annotated[
        str, typer.Option("--from", metavar="STEP", help="Key of the first step done anew.")
    ],
    instruction: Annotated[str | None, typer.Option(help="Another instruction for it.")] = None,
    expert: Annotated[str | None, typer.Option(help="Another expert for it.")] = None,
    result: Annotated[
        str | None, typer.Option(help="What it is to have come to; it is not done then.")
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Print the new run's id and leave it to itself.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Run again from one of the steps; those before it are taken over."""
    with connected(url, key) as client:
        started = client.runs.replay(
            run_id, from_step, instruction=instruction, expert=expert, output=result
        )
        if background:
            _told(started, as_json=as_json)
        else:
            _watch(client, started.id, as_json=as_json)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        output.fail(f"{path} cannot be read: {error}.", code=2)


def _json(path: Path) -> Any:
    try:
        return json.loads(_read(path))
    except ValueError as error:
        output.fail(f"{path} is not JSON: {error}.", code=2)


def _watch(client: Coe, run_id: str, *, as_json: bool, cancels: bool = True) -> None:
    """Show a run until it has ended, then its answer; the exit code says whether there is one."""
    try:
        follow(client.runs.events(run_id), quiet=as_json, named=run_id)
    except KeyboardInterrupt:
        if cancels:
            client.runs.cancel(run_id)
        _left(run_id, cancelled=cancels)
    found = client.runs.get(run_id)
    if as_json:
        output.as_json(found)
    else:
        _ending(found)
    if found.status != "finished":
        raise typer.Exit(1)


def _left(run_id: str, *, cancelled: bool) -> NoReturn:
    output.remark(f"{run_id} {'is cancelled' if cancelled else 'goes on'}.")
    raise typer.Exit(130)


def _ending(run: Run) -> None:
    if run.answer is not None:
        output.text(run.answer)
    parts: list[Any] = [run.id, run.status]
    if run.stopped:
        parts.append(run.stopped)
    if run.error is not None:
        parts.append(run.error.message)
    if run.verified is not None:
        parts.append("checked" if run.verified else "a check refused it")
    spent = run.spent
    parts.append(f"{spent.calls} calls")
    parts.append(f"{spent.prompt_tokens} + {spent.completion_tokens} tokens")
    parts.append(f"{spent.seconds:.1f} s")
    parts.append(f"${spent.usd:.6f}")
    output.remark(" · ".join(map(str, parts)))


def _told(run: Run, *, as_json: bool) -> None:
    if as_json:
        output.as_json(run)
    else:
        output.text(f"{run.id} {run.status}")
