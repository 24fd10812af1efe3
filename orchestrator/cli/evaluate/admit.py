"""``coe evaluate admit``: is a new expert better than a blind guess?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected
from orchestrator.cli.evaluate import gathering, options

if TYPE_CHECKING:
    from coe_client.types import AdmissionEvidence
    from orchestrator.conductor.evaluation.tasks import GradedTask
    from orchestrator.evaluations.admitting import Shots
    from router.evidence.admission import Admission, Rule


def admit(
    expert: Annotated[str, typer.Argument(help="Id of the expert.")],
    prompts: options.Prompts,
    shots: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="So many prompts, drawn evenly over categories. Default: as many as it takes.",
        ),
    ] = None,
    floor: Annotated[
        float,
        typer.Option(min=0, max=0.99, help="What it must beat: 0 a blind guess, 1 all right."),
    ] = 0.0,
    margin: Annotated[
        float,
        typer.Option(min=0.01, max=1, help="One better by this share of answers should pass."),
    ] = 0.1,
    level: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="How often a guesser may pass.")
    ] = 0.05,
    power: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="How often the better one should pass.")
    ] = 0.9,
    consistent: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of prompts it must answer the same way when asked again."
        ),
    ] = 0.0,
    repeat: Annotated[int, typer.Option(min=1, max=100, help="Ask each prompt so often.")] = 1,
    catalogue: options.Catalogue = None,
    out: options.Out = None,
    max_usd: options.MaxUsd = None,
    dry_run: options.DryRun = False,
    max_tokens: options.MaxTokens = 2048,
    temperature: options.Temperature = None,
    seed: options.Seed = None,
    at_once: options.AtOnce = 8,
    timeout: options.Timeout = 120.0,
    through_service: options.Through = False,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Keep the result in the service, where the expert's page shows it."
        ),
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Ask a new expert some graded prompts and say whether it is admitted, with the reasons.

    The exit code is 1 where it is not.
    """
    from coe_client.types import AdmissionRule
    from orchestrator.cli import local_experts
    from orchestrator.evaluations.admitting import decided
    from orchestrator.evaluations.evaluation import Plan
    from orchestrator.evaluations.prompts import check_judges
    from router.evidence.admission import Rule

    rule = Rule(floor, level, power, margin, consistent)
    version = _recorded_version(expert, catalogue, url, key) if record and not dry_run else None
    with gathering.sentences():
        tasks = gathering.prompts_of(prompts, None, None)
        check_judges(tasks, 0, prompts.name)
        deciding = _shots(tasks, shots, rule)
        entries = local_experts.entries(catalogue, url, key)
        plan = Plan(
            tasks=deciding.tasks,
            experts=gathering.named(entries, expert),
            repeat=max(repeat, 2) if consistent else repeat,
            parameters=gathering.parameters(max_tokens, temperature, seed),
        )
        way = gathering.Way(
            out, max_usd, at_once, timeout, through_service, url, key, quiet=as_json
        )
        if dry_run:
            gathering.foretold(plan, way)
            return
        found = gathering.gather(plan, way)
    if found.missing:
        output.fail(f"Not decided. {found.missing}")
    decision = decided(found.evaluation, deciding.guesses, rule)
    if decision is None:
        output.fail("Not decided: no answer could be graded here.")
    _show(expert, decision, found.spent, as_json=as_json)
    if version is not None:
        evidence = _evidence(decision, prompts.name, found.spent)
        with connected(url, key) as client:
            client.experts.record_admission(
                expert,
                admitted=decision.admitted,
                rule=AdmissionRule(**asdict(rule)),
                evidence=evidence,
                version=version,
            )
    if not decision.admitted:
        raise typer.Exit(1)


def _recorded_version(expert: str, catalogue: Path | None, url: str | None, key: str | None) -> int:
    """Return the version that is about to be asked."""
    if catalogue is not None:
        output.fail(
            "--record is about an expert of the service: leave --catalogue out, or add the expert first.",
            code=2,
        )
    with connected(url, key) as client:
        return client.experts.get(expert).version


def _evidence(decision: Admission, source: str, spent: int) -> AdmissionEvidence:
    from coe_client.types import AdmissionEvidence
    from experts.pricing import usd_of

    score, above, consistency = decision.score, decision.corrected, decision.consistency
    return AdmissionEvidence(
        source=source,
        prompts=score.n,
        right=decision.right,
        needed=decision.needed,
        score=score.value or 0.0,
        score_ci95=(score.low, score.high),
        above_chance=above.mean,
        above_chance_ci95=(above.low, above.high),
        p_value=min(max(decision.p_value, 0.0), 1.0),
        power=min(max(decision.power, 0.0), 1.0),
        consistency=None if consistency is None else consistency.value,
        reasons=list(decision.reasons),
        cost_usd=usd_of(spent),
    )


def _shots(tasks: list[GradedTask], count: int | None, rule: Rule) -> Shots:
    """Return the prompts that decide; says so where they are too few to keep what is promised."""
    from orchestrator.evaluations.admitting import shots_of

    try:
        found = shots_of(tasks, rule, count)
    except ValueError as error:
        output.fail(f"With these prompts nothing can be decided: {error}.", code=2)
    if len(found.tasks) < found.needed:
        output.remark(
            f"{found.needed} prompts are needed to keep what is promised; {len(found.tasks)} are there."
        )
    return found


def _show(expert: str, decision: Admission, spent: int, *, as_json: bool) -> None:
    from experts.pricing import usd_of
    from orchestrator.evaluations.summary import share_of

    consistency = None if decision.consistency is None else share_of(decision.consistency)
    report = {
        "expert": expert,
        "admitted": decision.admitted,
        "right": decision.right,
        "needed": decision.needed,
        "prompts": decision.score.n,
        "score": decision.score.value,
        "score_ci95": [decision.score.low, decision.score.high],
        "above_chance": decision.corrected.mean,
        "above_chance_ci95": [decision.corrected.low, decision.corrected.high],
        "p_value": decision.p_value,
        "power": decision.power,
        "consistency": consistency,
        "reasons": list(decision.reasons),
        "usd": usd_of(spent),
    }
    if as_json:
        output.as_json(report)
        return
    output.text(f"{expert} is {'' if decision.admitted else 'not '}admitted.")
    for reason in decision.reasons:
        output.text(f"  {reason}.")
    low, high = decision.corrected.low, decision.corrected.high
    output.text(f"  Above chance: {decision.corrected.mean:.3f}, {low:.3f} to {high:.3f}.")
    if decision.consistency is not None and decision.consistency.value is not None:
        output.text(
            f"  Asked again, the same answer to {decision.consistency.value:.0%} of prompts."
        )
    output.remark(f"${report['usd']:.6f} in all.")
