"""What the gateway is to reach, held against what was seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway_ways import BARE, DIRECT, LITELLM, SERVICE

Row = dict[str, Any]


@dataclass(frozen=True)
class Aim:
    """Something to reach.

    Args:
        what: Is aimed at.
        seen: Was seen.
        bound: The aim.
        most: Whether the bound is the most, not the least.
    """

    what: str
    seen: float
    bound: float
    most: bool = True

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.seen <= self.bound if self.most else self.seen >= self.bound


def aims(told: list[Row]) -> list[Aim]:
    """Hold what was seen against the aims, as far as it was measured."""
    by = {(row["load"], row["clients"], row["way"]): row for row in told}
    found: list[Aim] = []

    def compare(
        what: str, place: tuple[str, int], other: str, name: str, bound: float, **how: bool
    ) -> None:
        ours, theirs = by.get((*place, SERVICE)), by.get((*place, other))
        if ours and theirs:
            found.append(Aim(what, ours[name] / theirs[name], bound, **how))

    def added(what: str, load_name: str, name: str) -> None:
        ours, direct = by.get((load_name, 1, SERVICE)), by.get((load_name, 1, DIRECT))
        if ours and direct:
            found.append(Aim(what, ours[name] - direct[name], 1.0))

    compare("CPU a request, 32 clients, times bare's", ("whole-1k", 32), BARE, "cpu_ms", 3.0)
    compare(
        "CPU a request, 32 clients, share of litellm's", ("whole-1k", 32), LITELLM, "cpu_ms", 0.05
    )
    for clients in (32, 128):
        place = ("whole-1k", clients)
        compare(
            f"requests a second, {clients} clients, times litellm's",
            place,
            LITELLM,
            "rate",
            20.0,
            most=False,
        )
        compare(f"p99, {clients} clients, share of litellm's", place, LITELLM, "p99_ms", 0.1)
    added("added latency, one client, p50, ms", "whole-1k", "p50_ms")
    added("added time to the first token, p50, ms", "stream-1k", "first_ms")
    compare(
        "streamed chunks a second, 32 clients, times litellm's",
        ("stream-1k", 32),
        LITELLM,
        "chunks",
        20.0,
        most=False,
    )
    return found


def show_aims(found: list[Aim]) -> None:
    """Print them as a table."""
    print(f"\n{'aim':58}{'bound':>10}{'seen':>10}")
    for aim in found:
        sign = "<=" if aim.most else ">="
        print(
            f"{aim.what:58}{sign:>4}{aim.bound:6g}{aim.seen:10.3f}  {'reached' if aim.reached else 'MISSED'}"
        )
