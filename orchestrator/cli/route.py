"""``coe route``: where a request would go, with or without a running server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected, data_dir, locate


def route(
    text: Annotated[str, typer.Argument(help="The request, as a user would put it.")],
    policy: Annotated[
        str | None, typer.Option(help="quality, balanced or economy. Default: the service's.")
    ] = None,
    experts: Annotated[
        Path | None,
        typer.Option(help="Choose among the experts of this experts.yaml, without a server."),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Decide here, even if a server runs.")
    ] = False,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Show which category and expert a request is routed to, and why. Nothing is answered.

    A running service decides over its catalogue. Where none runs, the decision is made here by the
    starter router, over the experts of a file or else those that come with the package.
    """
    if local or experts is not None or not _service_runs(url):
        decision = _decide_here(text, policy or "balanced", experts)
    else:
        with connected(url, key) as client:
            answer = client.route(text, model=f"coe-{policy}" if policy else "coe")
        decision = answer.model_dump(mode="json")
    if as_json:
        output.as_json(decision)
    else:
        _show(decision)


def _service_runs(url: str | None) -> bool:
    """Whether a service was named or is running on this machine's data directory."""
    from coe_client import Coe, CoeError

    if url is not None:
        return True
    if not (data_dir(os.environ) / "server.json").exists():
        return False
    target = locate(None, None, data_dir(os.environ))
    try:
        with Coe(base_url=target.url, api_key=target.key, max_retries=0) as client:
            client.health()
    except CoeError:
        return False
    return True


def _decide_here(text: str, policy: str, file: Path | None) -> dict[str, Any]:
    from experts.packaged import PACKAGED
    from orchestrator.catalogue.seeding import read_experts_file
    from orchestrator.catalogue.service import candidate_of
    from orchestrator.chat.telling import decision_fields
    from orchestrator.kit.errors import StartError
    from router import NoEligibleExpert, UnknownPolicy, routing_text, starter_router

    try:
        entries = read_experts_file(file) if file else PACKAGED
        router = starter_router()
        pool = router.pool([candidate_of(expert) for expert in entries])
        told = routing_text([{"role": "user", "content": text}])
        return decision_fields(router.decide(told.request(policy), pool))
    except (StartError, NoEligibleExpert, UnknownPolicy) as error:
        output.fail(str(error))


def _show(decision: dict[str, Any]) -> None:
    output.text(f"{decision['category']} -> {decision['expert']}")
    output.text(decision["reason"])
    if decision.get("strategy_reason"):
        output.text(decision["strategy_reason"])
    output.table(
        ("category", "probability", ""),
        [
            (category, round(probability, 3), "#" * round(probability * 40))
            for category, probability in list(decision["probabilities"].items())[:5]
        ],
        empty="no categories",
    )
    output.table(
        ("expert", "expected quality", "expected cost in USD", "excluded because of"),
        [
            (c["id"], round(c["quality"], 3), round(c["cost"], 6), c["excluded"] or "")
            for c in decision["candidates"]
        ],
        empty="no candidates",
    )
    output.remark(
        f"policy {decision['policy']}, rule {decision['rule']}, "
        f"uncertainty {decision['uncertainty']:.2f}, router {decision['router_version']}"
    )
