"""Everything an upstream can do wrong, through the running service: the caller, the row, the breaker.

All requests are sent once, side by side; the tests look at what came of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import eventually
from tests.faults.asking import Ask, Seen, ask_all, details, make_keys, open_breakers, rows_by_id
from tests.faults.behaviours import BEHAVIOURS
from tests.faults.broken_answers import LARGE
from tests.faults.broken_wire import STALE
from tests.faults.cases import (
    CASES,
    DOORS,
    HEAVY,
    IDLE_SECONDS,
    KINDS,
    LATE,
    OK,
    SLOW,
    WHOLE_SECONDS,
    Case,
    End,
    Kind,
)
from tests.faults.conftest import HEALTHY, PRICE
from tests.faults.exchange import TEXT
from tests.faults.ledger import Taken
from tests.faults.upstream import FaultyUpstream
from tests.faults.wire import EVENT_STREAM

WAYS = ("alone", "first", "spread")
"""An expert without a substitute; one before another; one with a second endpoint."""
TENANTS = ("one", "two", "three")
_SLACK = 4.0
"""Seconds that a busy machine may add to a deadline."""
_MEMORY = 400 * 1024 * 1024


@dataclass(frozen=True)
class Told:
    """All that is known of one request.

    Args:
        seen: What its client got.
        rows: Its usage rows.
        taken: What the upstream took of it.
    """

    seen: Seen
    rows: list[dict[str, Any]]
    taken: list[Taken]


Story = dict[tuple[str, str, str], Told]
EACH = [pytest.param(case, kind, id=f"{case.name}-{kind}") for case in CASES for kind in KINDS]


def _asks(service: Server, keys: dict[str, str]) -> dict[tuple[str, str, str], Ask]:
    asks: dict[tuple[str, str, str], Ask] = {}
    for case in CASES:
        for kind in KINDS:
            for way in WAYS:
                routed = way == "first"
                asks[case.name, way, kind] = Ask(
                    name=f"{case.name}/{way}-{kind}",
                    model="coe-quality" if routed else f"{case.name}.{way}-{kind}",
                    key=keys[f"{case.name}/{kind}"] if routed else service.key,
                    streamed=kind == "streamed",
                    patient=case.name in SLOW,
                )
        for who in TENANTS:
            # Whose failures open a breaker together; a single tenant's do not.
            kind = _telling(case)
            again = replace(
                asks[case.name, "alone", kind], name=f"{case.name}/{who}", key=keys[who]
            )
            asks[case.name, who, kind] = again
    return asks


def _telling(case: Case) -> Kind:
    """Return the kind of request by which a fault is told from others."""
    return "streamed" if case.streamed.event else "whole"


@pytest.fixture(scope="module")
async def story(service: Server, upstream: FaultyUpstream) -> Story:
    """What came of every fault."""
    bound = [
        (f"{case.name}/{kind}", [f"{case.name}.first-{kind}", HEALTHY])
        for case in CASES
        for kind in KINDS
    ]
    keys = await make_keys(service, bound)
    for who in TENANTS:
        keys |= await make_keys(service, [(who, None)], tenant=who)
    asks = _asks(service, keys)
    light = [one for (name, _, _), one in asks.items() if name not in HEAVY]
    heavy = [one for (name, _, _), one in asks.items() if name in HEAVY]
    seen = await ask_all(service, light) | await ask_all(service, heavy, at_once=1)
    rows = await rows_by_id(service, {one.request_id for one in seen.values()})
    taken: dict[str, list[Taken]] = {}
    for one in upstream.ledger.taken:
        taken.setdefault(one.request_id, []).append(one)
    told = {}
    for key, asked in asks.items():
        got = seen[asked.name]
        told[key] = Told(got, rows.get(got.request_id, []), taken.get(got.request_id, []))
    return told


def test_every_behaviour_has_a_case() -> None:
    assert {case.name for case in CASES} == BEHAVIOURS.keys() - {STALE, LARGE} | DOORS


@pytest.mark.parametrize(("case", "kind"), EACH)
def test_the_caller_is_told_the_truth(story: Story, case: Case, kind: Kind) -> None:
    told = story[case.name, "alone", kind]
    _check_end(told.seen, case.end(kind), kind)
    if told.seen.status == 200:
        assert told.seen.expert == f"{case.name}.alone-{kind}"
    else:
        assert f"{case.name}.alone-{kind}" in told.seen.error["message"]


@pytest.mark.parametrize(("case", "kind"), EACH)
def test_another_expert_answers_until_the_answer_has_begun(
    story: Story, case: Case, kind: Kind
) -> None:
    told = story[case.name, "first", kind]
    end = case.end(kind)
    if end is OK or end.event or "first" not in end.moves:
        _check_end(told.seen, end, kind)
        return
    _check_end(told.seen, OK, kind)
    assert told.seen.expert == HEALTHY
    assert told.seen.attempts >= 2


@pytest.mark.parametrize(("case", "kind"), EACH)
def test_another_endpoint_answers_until_the_answer_has_begun(
    story: Story, case: Case, kind: Kind
) -> None:
    told = story[case.name, "spread", kind]
    end = case.end(kind)
    if told.seen.attempts == 1 and told.seen.error == {}:
        end = OK  # the good endpoint was asked first
    elif not end.event and "spread" in end.moves:
        end = OK
    _check_end(told.seen, end, kind)


def test_the_bad_endpoints_were_asked(story: Story) -> None:
    """Else the test above would say nothing."""
    behaving = [case.name for case in CASES if case.name not in DOORS]
    asked = [
        name
        for name in behaving
        if any(not one.well for kind in KINDS for one in story[name, "spread", kind].taken)
    ]
    assert len(asked) > len(behaving) / 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("case", "kind"), EACH)
def test_one_row_says_the_same(story: Story, case: Case, kind: Kind, way: str) -> None:
    told = story[case.name, way, kind]
    (row,) = told.rows
    error = told.seen.error
    assert row["status"] == ("failed" if error else "ok")
    assert row["error_code"] == error.get("code")
    assert row["streamed"] is (kind == "streamed")
    nanos = row["prompt_tokens"] * PRICE["input"] + row["completion_tokens"] * PRICE["output"]
    assert row["cost_usd"] == pytest.approx(nanos / 1e6, abs=1e-9)
    answered = [one for one in told.taken if one.sent_tokens]
    # Whoever is left at work may bill the prompt, which nobody has counted then.
    left = case.end(kind) is LATE and (bool(error) or told.seen.attempts > 1)
    if not error:
        assert row["expert"] == told.seen.expert
        if left:
            read, written = answered[-1].billed
            assert row["prompt_tokens"] > read
            assert row["completion_tokens"] >= written
            assert row["tokens_estimated"] is True
        elif case.counted or answered[-1].well:
            assert (row["prompt_tokens"], row["completion_tokens"]) == answered[-1].billed
            assert row["tokens_estimated"] is False
        else:
            assert row["tokens_estimated"] is True
            assert 0 < row["completion_tokens"] <= 2 * answered[-1].sent_tokens
    elif not case.end(kind).event:
        assert row["completion_tokens"] == 0
        assert (row["prompt_tokens"] > 0) is left


async def test_the_calls_that_it_took_are_recorded(story: Story, service: Server) -> None:
    moved = {
        told.seen.request_id: (case, kind)
        for case in CASES
        for kind in KINDS
        if (told := story[case.name, "first", kind]).seen.expert == HEALTHY
    }
    assert len(moved) > len(CASES)
    for identifier, row in (await details(service, moved.keys())).items():
        case, kind = moved[identifier]
        *failed, answered = row["attempts"]
        assert {one["expert"] for one in failed} == {f"{case.name}.first-{kind}"}
        assert {one["outcome"] for one in failed} <= {"failed", "refused"}
        if case.end(kind).code:
            assert {one["error"] for one in failed} == {case.end(kind).code}
        assert (answered["expert"], answered["outcome"]) == (HEALTHY, "ok")
        nanos = sum(one["cost_nanos"] for one in row["attempts"])
        assert nanos == round(row["cost_usd"] * 1e9)


def test_what_broke_off_costs_what_was_produced(story: Story) -> None:
    begun = [case for case in CASES if case.streamed.event]
    assert len(begun) >= 5
    for case in begun:
        told = story[case.name, "alone", "streamed"]
        (row,) = told.rows
        assert row["tokens_estimated"] is True
        assert row["prompt_tokens"] > 0
        # An RST takes along what had been sent and was not read yet.
        assert 0 <= row["completion_tokens"] <= 2 * told.taken[-1].sent_tokens


@pytest.fixture(scope="module")
async def left_alone(story: Story, service: Server) -> dict[str, str]:
    """The experts that are left alone after what has happened to them, and why."""
    assert story
    return await open_breakers(service)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_breaker_opens_for_the_endpoint_s_faults_alone(
    left_alone: dict[str, str], case: Case
) -> None:
    kind = _telling(case)
    reason = case.end(kind).code if case.blames else None
    assert left_alone.get(f"{case.name}.alone-{kind}") == reason


def test_nobody_waits_beyond_the_deadline(story: Story) -> None:
    slowest = max(story, key=lambda each: story[each].seen.seconds)
    assert story[slowest].seen.seconds < WHOLE_SECONDS + _SLACK, slowest


def test_a_stream_that_falls_silent_is_not_waited_for_to_the_end(story: Story) -> None:
    for who in TENANTS:
        seen = story["hang-midway", who, "streamed"].seen
        assert "fell silent" in seen.error["message"]
        assert IDLE_SECONDS <= seen.seconds < WHOLE_SECONDS
    assert "fell silent" not in story["trickle", "alone", "streamed"].seen.error["message"]


def test_nothing_is_left_behind(story: Story, service: Server, upstream: FaultyUpstream) -> None:
    assert story
    assert eventually(lambda: upstream.ledger.open == 0), "an answer is awaited that nobody wants"
    assert service.process is not None
    assert psutil.Process(service.process.pid).memory_info().rss < _MEMORY


def _check_end(seen: Seen, end: End, kind: Kind) -> None:
    """See that a request ended as it should: with a whole answer, or an error and no more."""
    assert seen.status == (200 if end.event else end.status), seen.content[:500]
    assert seen.error.get("code") == end.code, seen.content[:500]
    if seen.status == 200:
        assert seen.is_stream is (kind == "streamed")
        assert seen.headers["content-type"].startswith(EVENT_STREAM) is (kind == "streamed")
    if end.code is None:
        assert seen.text == TEXT
        assert not seen.is_stream or seen.events.count("[DONE]") == 1
    else:
        assert seen.error["request_id"] == seen.request_id
        assert "[DONE]" not in seen.content.decode(errors="replace")
