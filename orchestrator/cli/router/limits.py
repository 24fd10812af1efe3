"""Budgets on the command line: ``NAME=31B``, ``NAME=0.002usd``, ``NAME=1.5s``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from router.mapping import Budget

Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="NAME=LIMIT",
        help="A further policy with an average a request: 31B active parameters, 0.002usd or 1.5s.",
    ),
]
Resident = Annotated[
    str | None,
    typer.Option(
        metavar="BILLIONS",
        help="All experts of such a policy together have at most so many parameters, as 100B.",
    ),
]
MaxExperts = Annotated[
    int | None, typer.Option(min=1, help="Such a policy uses at most so many experts.")
]

UNNAMED = "limited"
"""The policy of ``--resident`` and ``--max-experts`` where no ``--budget`` names one."""

_LIMIT = re.compile(r"\$?(\d+(?:\.\d*)?|\.\d+)\s*(b|usd|s)?", re.IGNORECASE)
_FIELDS = {"b": "active_parameters", "usd": "money_usd", "s": "latency_s"}
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def budgets_of(
    budgets: Sequence[str] | None, resident: str | None, max_experts: int | None
) -> tuple[tuple[str, Budget], ...]:
    """Return the budgets by name; one named twice has both limits.

    Raises:
        BadParameter: Naming what cannot be read.
    """
    from router.mapping import POLICIES, Budget

    found: dict[str, Budget] = {}
    for text in budgets or ():
        name, limit = _parsed(text)
        if name in {policy.name for policy in POLICIES}:
            raise typer.BadParameter(f"{text!r}: {name!r} is a policy of every router")
        before = found.get(name, Budget())
        if before.limits().keys() & limit.keys():
            raise typer.BadParameter(f"{text!r}: {name!r} has such a limit already")
        found[name] = before.limited(limit)
    shared: dict[str, float | None] = {
        "resident_parameters": _billions(resident),
        "max_experts": max_experts,
    }
    if any(value is not None for value in shared.values()):
        found = found or {UNNAMED: Budget()}
        found = {name: budget.limited(shared) for name, budget in found.items()}
    return tuple(found.items())


def on_parameters(budgets: Sequence[tuple[str, Budget | float]]) -> bool:
    """Tell whether a budget is on the experts' parameters."""
    kinds = {"active_parameters", "resident_parameters"}
    return any(isinstance(b, float) or kinds & b.limits().keys() for _, b in budgets)


def _parsed(text: str) -> tuple[str, dict[str, float | None]]:
    name, _, limit = text.partition("=")
    match = _LIMIT.fullmatch(limit.strip())
    if not _NAME.fullmatch(name) or match is None or float(match[1]) <= 0:
        raise typer.BadParameter(
            f"{text!r}: give NAME=LIMIT, such as small=31B, cheap=0.002usd or quick=1.5s"
        )
    unit = "usd" if limit.strip().startswith("$") else (match[2] or "b").lower()
    return name, {_FIELDS[unit]: float(match[1])}


def _billions(text: str | None) -> float | None:
    if text is None:
        return None
    match = _LIMIT.fullmatch(text.strip())
    if match is None or (match[2] or "b").lower() != "b" or text.startswith("$"):
        raise typer.BadParameter(f"{text!r}: give billions of parameters, such as 100B")
    return float(match[1])
