"""``coe doctor``: what is wrong with this installation, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.doctor.findings import Finding, exit_code, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS = {
    "ok": ("ok", typer.colors.GREEN),
    "note": ("note", typer.colors.CYAN),
    "warning": ("warning", typer.colors.YELLOW),
    "error": ("error", typer.colors.RED),
}


def doctor(
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Ask every expert a short question, too; vendors bill that."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Examine this installation: what is wrong, and what to do about it.

    Looks at the service, the data directory, disk, open files, Postgres and its schema, Redis, clocks, prices,
    secrets, whether experts can be reached, and who can reach the service. Works while the service runs and while
    it does not: embedded stores are started for as long as it takes. Nothing is changed. Run it with the settings
    that the service has.

    Ends with 0 if nothing is wrong, 1 if there are warnings, 2 if there are errors.
    """
    findings = [_safe(one) for one in _examined(ask=ask)]
    if as_json:
        output.as_json({"status": worst(findings), "findings": [asdict(one) for one in findings]})
    else:
        _print(findings)
    raise typer.Exit(exit_code(findings))


def _examined(*, ask: bool) -> list[Finding]:
    from orchestrator.kit.errors import StartError
    from orchestrator.kit.logs import configure_logging
    from orchestrator.kit.settings import load_settings

    try:
        settings = load_settings()
    except StartError as error:
        return [Finding("settings", "error", str(error), "Correct it; coe config show lists all.")]
    # What is wrong is told as a finding.
    configure_logging(settings.model_copy(update={"log_level": "error"}))
    from orchestrator.cli.doctor.examining import examine

    return examine(settings, ask=ask)


def _safe(finding: Finding) -> Finding:
    from orchestrator.kit.logs import safe

    return Finding(finding.check, finding.state, safe(finding.seen), safe(finding.advice))


def _print(findings: Sequence[Finding]) -> None:
    width = max(len(one.check) for one in findings)
    for one in findings:
        mark, color = _MARKS[one.state]
        typer.secho(f"{mark:7}", fg=color, nl=False)
        output.text(f"  {one.check:{width}}  {one.seen}")
        if one.advice:
            output.text(f"{'':7}  {'':{width}}  -> {one.advice}")
    counts = {state: sum(one.state == state for one in findings) for state in ("error", "warning")}
    told = [f"{many} {state}{'s' if many > 1 else ''}" for state, many in counts.items() if many]
    output.text(f"\n{', '.join(told) or 'Nothing is wrong'}.")
