"""``coe evaluate profile``: how an expert answers, whatever it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url
from orchestrator.cli.evaluate import gathering, options

if TYPE_CHECKING:
    from router.evidence.behaviour import Profile


def profile(
    expert: Annotated[str, typer.Argument(help="Id of the expert.")],
    prompts: options.Prompts,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, help="So many prompts, drawn evenly over categories."),
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Ask each prompt so often.")] = 1,
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
    """Say how often an expert refuses, keeps to a form and goes by what it was given, and how long it writes.

    Forms are a 'schema', options, numbers and 'max_words'. Where a prompt has a 'context' that contradicts
    what is commonly held, 'context_answer' and 'memory_answer' tell the two apart.
    """
    from experts.pricing import usd_of
    from orchestrator.cli import local_experts
    from orchestrator.evaluations.evaluation import Plan
    from orchestrator.evaluations.observing import observed
    from router.evidence.behaviour import profile as profiled

    with gathering.sentences():
        plan = Plan(
            tasks=gathering.prompts_of(prompts, n, None),
            experts=gathering.named(local_experts.entries(catalogue, url, key), expert),
            repeat=repeat,
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
    report = {
        "expert": expert,
        **_plain(profiled(observed(found.evaluation))),
        "usd": usd_of(found.spent),
    }
    if as_json:
        output.as_json(report)
    else:
        _show(report)
    if found.missing:
        output.fail(found.missing)


def _plain(found: Profile) -> dict[str, Any]:
    from orchestrator.evaluations.summary import share_of

    known, spread = found.tokens.n > 0, found.tokens.n > 1
    return {
        "refusals": share_of(found.refusals),
        "form": share_of(found.form),
        "context": share_of(found.context),
        "neither": share_of(found.neither),
        "tokens": found.tokens.mean if known else None,
        "tokens_ci95": [found.tokens.low, found.tokens.high] if spread else None,
        "tokens_p95": found.tokens_p95,
    }


def _show(report: dict[str, Any]) -> None:
    named = {
        "refusals": "refused",
        "form": "kept to the form",
        "context": "went by the text it was given",
        "neither": "neither by the text nor by memory",
    }
    rows = []
    for name, words in named.items():
        found = report[name]
        if found["n"]:
            low, high = found["ci95"]
            rows.append([words, f"{found['share']:.3f}", f"{low:.3f} to {high:.3f}", found["n"]])
    if report["tokens"] is not None:
        ends = report["tokens_ci95"]
        spread = f"{ends[0]:.0f} to {ends[1]:.0f}" if ends else None
        rows.append(["tokens written", f"{report['tokens']:.0f}", spread, None])
        rows.append(["tokens written, 95 % below", f"{report['tokens_p95']:.0f}", "-", None])
    output.table(["behaviour", "is", "95 %", "answers"], rows, empty="No answers.")
    output.remark(f"${report['usd']:.6f} in all.")
