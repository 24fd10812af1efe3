"""``coe evaluate live``: live traffic put to other experts, afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected
from orchestrator.cli.evaluate import gathering, options

if TYPE_CHECKING:
    from orchestrator.conductor.evaluation.tasks import GradedTask


def live(
    experts: Annotated[
        str, typer.Option(metavar="IDS", help="Who is put to the test, with commas between.")
    ],
    judge: Annotated[str, typer.Option(metavar="IDS", help="Who compares the answers.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="Directory for everything.")],
    max_usd: Annotated[
        float, typer.Option(min=0, help="US dollars at most, with what the directory has cost.")
    ],
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the requests that are looked at.")
    ] = 0.05,
    days: Annotated[float, typer.Option(min=0, help="Of so many days until now.")] = 1.0,
    n: Annotated[int, typer.Option("--n", min=1, help="So many requests at most.")] = 1000,
    catalogue: options.Catalogue = None,
    dry_run: options.DryRun = False,
    max_tokens: options.MaxTokens = 2048,
    at_once: options.AtOnce = 8,
    timeout: options.Timeout = 120.0,
    through_service: options.Through = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Put a share of your tenant's stored requests to other experts, and have a judge compare the answers.

    Only where the tenant lets prompts and answers be stored. The requests themselves are long answered.
    """
    from orchestrator.cli import local_experts
    from orchestrator.evaluations.evaluation import Plan
    from orchestrator.evaluations.live import LIVE, answers_of, live_expert
    from orchestrator.evaluations.summary import summarise

    with gathering.sentences():
        entries = local_experts.entries(catalogue, url, key)
        challengers = gathering.named(entries, experts)
        ids = [expert.id for expert in challengers]
        tasks = _requests(url, key, share, days, n, ids)
        if not tasks:
            output.fail("No request with a stored answer is in the sample. Nothing was asked.")
        plan = Plan(
            tasks=tasks,
            experts=[live_expert(), *challengers],
            judges=gathering.named(entries, judge),
            against=LIVE,
            parameters=gathering.parameters(max_tokens, None, None),
        )
        way = gathering.Way(
            out, max_usd, at_once, timeout, through_service, url, key, quiet=as_json
        )
        given = answers_of(plan)
        if dry_run:
            gathering.foretold(plan, way, given)
            return
        found = gathering.gather(plan, way, given)
        report = summarise(found.evaluation, spent=found.spent, complete=found.complete)
        _write(found, report, out)
    if as_json:
        output.as_json(report)
    else:
        _show(report, len(tasks))
    if found.missing:
        output.fail(found.missing)


def _requests(
    url: str | None, key: str | None, share: float, days: float, most: int, challengers: list[str]
) -> list[GradedTask]:
    """Return the sampled requests of the key's tenant as prompts."""
    from coe_client import NotFoundError
    from orchestrator.evaluations.live import sampled, task_of

    start = datetime.now(UTC) - timedelta(days=days)
    tasks: list[GradedTask] = []
    unstored = 0
    with connected(url, key) as client:
        lines = b"".join(client.usage.export("jsonl", start=start, status="ok")).splitlines()
        records = sampled((json.loads(line) for line in lines), share, challengers)
        for record in records[-most:]:
            try:
                content = client.usage.content(record["request_id"])
            except NotFoundError:
                unstored += 1
                continue
            task = task_of(record, content.messages, content.answer)
            if task is None:
                unstored += 1
            else:
                tasks.append(task)
    if unstored:
        output.remark(
            f"{unstored} requests are left out: not stored with their answer, or not text."
        )
    return tasks


def _write(found: gathering.Gathered, report: dict[str, Any], out: Path) -> None:
    from orchestrator.evaluations import results
    from orchestrator.evaluations.live import named
    from orchestrator.evaluations.report import render
    from orchestrator.evaluations.scores import as_lines

    rows = named(found.evaluation.verdicts, found.evaluation.plan.tasks)
    gathering.written(
        out,
        {
            results.SCORES_FILE: as_lines(rows),
            results.REPORT_FILE: results.as_json(report),
            results.PAGE_FILE: render(report, title="Live traffic", subtitle="As judged."),
        },
    )


def _show(report: dict[str, Any], requests: int) -> None:
    from orchestrator.evaluations.report import judge_cells

    output.table(*judge_cells(report), empty="No verdicts.")
    output.remark(f"{requests} requests; 'live' is whoever answered. ${report['usd']:.6f} in all.")
