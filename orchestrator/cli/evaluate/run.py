"""``coe evaluate run``: prompts x experts, graded and judged."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url
from orchestrator.cli.evaluate import gathering, options


def run(
    prompts: options.Prompts,
    experts: Annotated[
        str | None,
        typer.Option(
            metavar="IDS", help="Who answers, with commas between. Default: all but judges."
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(metavar="IDS", help="Who compares answers to prompts without a target."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Compare all with this expert only, not with each other."),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Ask each prompt so often.")] = 1,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="So many prompts, drawn evenly over categories."),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Only prompts of this category; may be repeated.")
    ] = None,
    catalogue: options.Catalogue = None,
    out: options.Out = None,
    max_usd: options.MaxUsd = None,
    dry_run: options.DryRun = False,
    max_tokens: options.MaxTokens = 2048,
    temperature: options.Temperature = None,
    seed: options.Seed = None,
    form: options.Form = True,
    at_once: options.AtOnce = 8,
    timeout: options.Timeout = 120.0,
    through_service: options.Through = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Ask experts the same prompts and grade the answers: who is better, by how much, how surely.

    Writes scores.jsonl and prices.json, which 'coe router train' takes, and a report. Stopped, it goes on
    where it was.
    """
    from orchestrator.cli import local_experts
    from orchestrator.evaluations.evaluation import Plan
    from orchestrator.evaluations.prompts import check_judges
    from orchestrator.evaluations.results import files_of
    from orchestrator.evaluations.summary import summarise

    with gathering.sentences():
        tasks = gathering.prompts_of(prompts, n, category)
        entries = local_experts.entries(catalogue, url, key)
        judges = gathering.named(entries, judge) if judge is not None else []
        answering = (
            gathering.everyone(entries, judges)
            if experts is None
            else gathering.named(entries, experts)
        )
        for judge_of_itself in {each.id for each in judges} & {each.id for each in answering}:
            output.remark(f"'{judge_of_itself}' judges its own answers, too.")
        if against is not None and against not in [each.id for each in answering]:
            output.fail(f"--against: '{against}' is not among the experts asked.", code=2)
        check_judges(tasks, len(judges), prompts.name)
        plan = Plan(
            tasks=tasks,
            experts=answering,
            judges=judges,
            repeat=repeat,
            against=against,
            form=form,
            parameters=gathering.parameters(max_tokens, temperature, seed),
        )
        way = gathering.Way(
            out, max_usd, at_once, timeout, through_service, url, key, quiet=as_json
        )
        if dry_run:
            gathering.foretold(plan, way)
            return
        found = gathering.gather(plan, way)
        report = summarise(found.evaluation, spent=found.spent, complete=found.complete)
        if out is not None:
            gathering.written(out, files_of(found.evaluation, report, prompts.name))
    if as_json:
        output.as_json(report)
    else:
        _show(report, against)
    if found.missing:
        output.fail(found.missing)


def _show(report: dict[str, Any], against: str | None) -> None:
    from orchestrator.evaluations.report import expert_cells, judge_cells, pair_cells

    output.table(*expert_cells(report), empty="No experts.")
    pairs = [
        pair for pair in report["pairs"] if against is None or against in (pair["a"], pair["b"])
    ]
    if pairs:
        output.text("\non the same prompts")
        output.table(*pair_cells(pairs), empty="")
    head, cells = judge_cells(report)
    if cells:
        output.text("\nas judged")
        output.table(head, cells, empty="")
    if report["agreement"] and report["agreement"]["alpha"] is not None:
        alpha = report["agreement"]
        low, high = alpha["ci95"]
        output.text(f"\njudges agree: alpha {alpha['alpha']:.3f}, {low:.3f} to {high:.3f}")
    cut = {name: found["cut"] for name, found in report["experts"].items() if found["cut"]}
    if cut:
        counts = ", ".join(f"{name} {count}" for name, count in cut.items())
        output.remark(f"Answers cut off by --max-tokens, which counts against them: {counts}.")
    for each in report["ungradeable"]:
        output.remark(f"not gradeable here: {each['n']} x {each['prompt']}: {each['reason']}")
    output.remark(f"${report['usd']:.6f} in all.")
