"""Ids of events, and what stored steps tell again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.values import Step
from orchestrator.runs.events import EventId, parse_id, step_events
from orchestrator.runs.record import row_of
from orchestrator.runs.watching import _gaps

NUMBER = st.integers(0, 10**9)


@given(NUMBER, NUMBER)
def test_an_id_is_read_as_it_was_written(number: int, piece: int) -> None:
    identifier = EventId(number, piece)
    assert parse_id(str(identifier)) == identifier


@pytest.mark.parametrize("text", ["", "x", "-1", "1-", "1-2-3", "99999999999", "1 2", "\u0661"])
def test_what_is_no_id(text: str) -> None:
    assert parse_id(text) is None


@given(st.lists(st.tuples(NUMBER, NUMBER), unique=True))
def test_order(pairs: list[tuple[int, int]]) -> None:
    assert [(i.number, i.piece) for i in sorted(EventId(*pair) for pair in pairs)] == sorted(pairs)


def row(key: str, begun: int | None, ended: int | None, status: Any = "ok") -> dict[str, Any]:
    step = Step(key, 1, "expert", "Title", status, output="said", usd=0.5)
    return row_of("run_1", step, begun=begun, ended=ended)


def told(*rows: dict[str, Any], after: int = 0) -> list[tuple[str, str, str]]:
    events = step_events(rows, EventId(after))
    assert all(json.loads(e.data)["id"] == str(e.id) for e in events)
    return [(str(e.id), e.type, json.loads(e.data)["step"]["key"]) for e in events]


def test_steps_tell_how_they_began_and_ended_in_order() -> None:
    rows = [row("a", 1, 4), row("b", 2, 3), row("c", 5, None, "running")]
    whole = [
        ("1-0", "step.started", "a"),
        ("2-0", "step.started", "b"),
        ("3-0", "step.finished", "b"),
        ("4-0", "step.finished", "a"),
        ("5-0", "step.started", "c"),
    ]
    for after in range(6):
        assert told(*rows, after=after) == whole[after:]


def test_a_beginning_does_not_tell_what_it_came_to() -> None:
    begun, ended = step_events([row("a", 1, 2)], EventId())
    before, then = json.loads(begun.data)["step"], json.loads(ended.data)["step"]
    assert (before["status"], before["output"], before["usd"]) == ("running", "", 0.0)
    assert (then["status"], then["output"], then["usd"]) == ("ok", "said", 0.5)


def test_a_step_that_waits_says_so() -> None:
    assert told(row("a", 3, None, "waiting")) == [("3-0", "step.waiting", "a")]


@pytest.mark.parametrize(
    ("ids", "gap"),
    [
        (["4-0", "4-1", "5-0"], False),
        (["3-1", "3-2", "4-0"], False),
        (["5-0"], True),
        (["4-0", "6-0"], True),
        (["4-1"], True),
    ],
)
def test_gaps(ids: list[str], gap: bool) -> None:
    from orchestrator.runs.events import event

    events = [event(identifier, "x") for text in ids if (identifier := parse_id(text))]
    assert _gaps(events, EventId(3)) is gap
