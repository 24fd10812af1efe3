"""``coe route``: where a request would go, with or without a running server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def route(
    text: Annotated[str, typer.Argument(help="The request, as a user would put it.")],
    policy: Annotated[str, typer.Option(help="quality, balanced or economy.")] = "balanced",
    experts: Annotated[
        Path | None, typer.Option(help="Choose among the experts of this experts.yaml.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which category and expert a request is routed to, and why. Nothing is answered.

    The decision is made here, without a server, over the experts of a file or else those that come
    with the package. To ask a running server, use `coe route-remote` or POST /v1/route.
    """
    from orchestrator.catalogue.seeding import read_experts_file
    from orchestrator.catalogue.service import candidate_of
    from orchestrator.chat.accounting import decision_fields
    from orchestrator.kit.errors import StartError
    from router import NoEligibleExpert, UnknownPolicy, routing_text, starter_router

    try:
        entries = read_experts_file(experts) if experts else _packaged()
        router = starter_router()
        pool = router.pool([candidate_of(expert) for expert in entries])
        told = routing_text([{"role": "user", "content": text}])
        decision = decision_fields(router.decide(told.request(policy), pool))
    except (StartError, NoEligibleExpert, UnknownPolicy) as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error
    if as_json:
        sys.stdout.write(json.dumps(decision, indent=2, ensure_ascii=False) + "\n")
    else:
        show_decision(decision)


def _packaged() -> Any:
    from experts.packaged import packaged_experts

    return packaged_experts()


def show_decision(decision: dict[str, Any]) -> None:
    """Print a decision for a person."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]{decision['category']}[/bold] -> [bold]{decision['expert']}[/bold]")
    console.print(decision["reason"])
    bars = Table("category", "probability", "", box=None)
    for category, probability in list(decision["probabilities"].items())[:5]:
        bars.add_row(category, f"{probability:.3f}", "#" * round(probability * 40))
    console.print(bars)
    table = Table("expert", "expected quality", "expected cost", "excluded because of", box=None)
    for candidate in decision["candidates"]:
        table.add_row(
            candidate["id"],
            f"{candidate['quality']:.2f}",
            f"${candidate['cost']:.6f}",
            candidate["excluded"] or "",
        )
    console.print(table)
    console.print(
        f"policy {decision['policy']}, rule {decision['rule']}, "
        f"uncertainty {decision['uncertainty']:.2f}, router {decision['router_version']}"
    )
