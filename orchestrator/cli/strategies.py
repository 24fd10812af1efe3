"""``coe conductor list``, ``draw``, ``assign``: strategies, and which requests they answer."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

Name = Annotated[str, typer.Argument(metavar="STRATEGY", help="Its name.")]


def draw(strategy: Name) -> None:
    """Print a picture of a strategy, as Mermaid; dotted arrows are taken if the state says so."""
    from orchestrator.conductor.picture import picture_of_strategy
    from orchestrator.conductor.strategies import STRATEGIES

    if strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        output.fail(f"There is no strategy '{strategy}'; there are {known}.", code=2)
    output.text(picture_of_strategy(STRATEGIES[strategy]).rstrip())


def assign(
    strategy: Name,
    category: Annotated[str | None, typer.Option(help="Requests about this. Default: any.")] = None,
    policy: Annotated[str | None, typer.Option(help="Under this policy. Default: any.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant. Default: any.")] = None,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Let a strategy answer requests that name none; 'direct' has one expert answer, as ever."""
    with connected(url, key) as client:
        made = client.strategies.assign(strategy, category=category, policy=policy, tenant=tenant)
    if as_json:
        output.as_json(made)
    else:
        output.text(made.id)


def unassign(
    assignment_id: Annotated[str, typer.Argument(metavar="ID", help="The assignment's id.")],
    url: Url = None,
    key: Key = None,
) -> None:
    """Take an assignment back."""
    with connected(url, key) as client:
        client.strategies.unassign(assignment_id)
    output.text(f"{assignment_id} is taken back.")


def assignments(url: Url = None, key: Key = None, as_json: Json = False) -> None:
    """List which strategies are assigned to what; * stands for any."""
    with connected(url, key) as client:
        found = list(client.strategies.assignments())
    if as_json:
        output.as_json(found)
        return
    rows = (
        [each.id, each.tenant, each.policy, each.category, each.strategy, each.updated_at]
        for each in found
    )
    columns = ["id", "tenant", "policy", "category", "strategy", "since"]
    output.table(columns, rows, empty="No strategy is assigned: one expert answers.")


def list_strategies() -> None:
    """List the strategies there are."""
    from orchestrator.conductor.strategies import STRATEGIES

    rows = ([each.name, each.description] for each in STRATEGIES.values())
    output.table(["strategy", "what it does"], rows, empty="None.")
