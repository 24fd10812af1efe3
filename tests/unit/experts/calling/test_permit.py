"""Experts that may not be asked, since they cost too much beside all that was tried."""

from __future__ import annotations

from typing import Any

import pytest

from experts.calling.breaker import BreakerSettings
from experts.calling.health import ExpertHealth
from experts.calling.options import CallOptions
from experts.catalogue.expert import Expert
from experts.errors import ExpertFailed, ExpertUnreachable
from tests.unit.experts.calling.playing import BODY, Playing, expert, make_caller, status

A, B, C = expert("a"), expert("b"), expert("c")


def options_for(*allowed: str) -> tuple[CallOptions, list[str]]:
    """Return options under which these may be asked, and the list of who that was asked for."""
    asked: list[str] = []

    async def permit(one: Expert) -> bool:
        asked.append(one.id)
        return one.id in allowed

    return CallOptions(permit=permit), asked


def told(options: CallOptions) -> list[tuple[str, str, Any]]:
    return [(one.expert.id, one.outcome, one.error) for one in options.attempts]


async def test_the_first_call_needs_no_permit() -> None:
    options, asked = options_for()
    assert (await make_caller(Playing(a=[BODY])).complete([A, B], {}, options)).expert is A
    assert asked == []


async def test_one_that_costs_too_much_is_passed_by_and_noted() -> None:
    playing = Playing(a=[ExpertUnreachable("gone")], c=[BODY])
    options, asked = options_for("a", "c")
    answer = await make_caller(playing).complete([A, B, C], {}, options)
    assert answer.expert is C
    assert playing.asked == ["a", "a", "c"]
    assert asked == ["a", "b", "c"]
    gone = ("a", "failed", "expert_unreachable")
    assert told(options) == [gone, gone, ("b", "skipped", "budget_exceeded"), ("c", "ok", None)]


async def test_where_nobody_is_left_the_failure_is_told() -> None:
    playing = Playing(a=[status(500)])
    options, _ = options_for("a")
    with pytest.raises(ExpertFailed, match="500") as caught:
        await make_caller(playing).complete([A, B, C], {}, options)
    assert playing.asked == ["a", "a"]
    assert [one.outcome for one in caught.value.attempts] == ["failed"] * 2 + ["skipped"] * 2


async def test_even_a_retry_needs_one() -> None:
    """What broke off half-way is paid: the second try costs as much again."""
    playing = Playing(a=[status(500)], b=[BODY])
    options, asked = options_for("b")
    assert (await make_caller(playing).complete([A, B], {}, options)).expert is B
    assert playing.asked == ["a", "b"]
    assert asked == ["a", "b"]


async def test_a_dearer_expert_that_stands_in_from_the_start_needs_one() -> None:
    """The best expert is known to be down, so that another comes first."""
    health = ExpertHealth(BreakerSettings())
    for replica in health.fleet(A).replicas:
        replica.breaker.open(health.clock(), health.clock() + 60.0, "expert_failed")
    playing = Playing(a=[BODY], b=[BODY], c=[BODY])
    options, asked = options_for("a", "c")
    answer = await make_caller(playing, health=health).complete([A, B, C], {}, options)
    assert answer.expert is C
    assert asked == ["b", "c"]
