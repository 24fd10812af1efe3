"""What a replayed run takes over."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.runs.record import RunRequest
from orchestrator.runs.replay import Changes, StepUnknown, inherited, replayed

REQUEST = RunRequest(messages=({"role": "user", "content": "x"},), policy="quality")


def step(number: int, *, ended: bool = True) -> dict[str, Any]:
    return {
        "run_id": "run_a",
        "key": f"k{number}",
        "number": number,
        "status": "ok" if ended else "running",
        "output": f"out {number}",
        "tool_calls": [{"id": "1"}],
        "begun": number * 10,
        "ended": number * 10 + 5 if ended else None,
        "inherited": False,
    }


STEPS = [step(1), step(2), step(3, ended=False), step(4), step(5)]


def test_the_steps_before_are_taken_over_if_they_have_ended() -> None:
    taken = inherited(STEPS, "k5", "run_b", Changes())
    assert [row["key"] for row in taken] == ["k1", "k2", "k4"]
    assert all(row["run_id"] == "run_b" and row["inherited"] for row in taken)
    assert [(row["begun"], row["ended"]) for row in taken] == [(1, 2), (3, 4), (5, 6)]


def test_from_the_first_step_nothing_is_taken_over() -> None:
    assert inherited(STEPS, "k1", "run_b", Changes()) == []


def test_a_given_output_stands_for_the_step() -> None:
    taken = inherited(STEPS, "k2", "run_b", Changes(output="mine"))
    assert [(row["key"], row["output"]) for row in taken] == [("k1", "out 1"), ("k2", "mine")]
    assert taken[1]["tool_calls"] == []


def test_work_below_is_done_anew_with_what_it_is_a_part_of() -> None:
    keys = ["a", "a/1", "a/2", "ab", "a/2/x", "c"]
    steps = [{**step(number), "key": key} for number, key in enumerate(keys, 1)]
    below = inherited(steps, "a/2/x", "run_b", Changes())
    assert [row["key"] for row in below] == ["a/1", "ab"]
    resumed = [{**row, "number": 9} if row["key"] == "a" else row for row in steps]
    whole = inherited(resumed, "a", "run_b", Changes())
    assert [row["key"] for row in whole] == ["ab", "c"]


def test_a_step_that_never_began() -> None:
    with pytest.raises(StepUnknown):
        inherited([*STEPS, {**step(9), "number": 0}], "k9", "run_b", Changes())
    with pytest.raises(StepUnknown):
        inherited(STEPS, "k7", "run_b", Changes())


def test_the_request_is_as_it_was_but_for_the_changes() -> None:
    assert replayed(REQUEST, "k1", Changes()) == REQUEST
    changed = replayed(REQUEST, "k1", Changes(instruction="other", request={"policy": "economy"}))
    assert changed.policy == "economy"
    assert changed.amendments()["k1"].instruction == "other"
    again = replayed(changed, "k1", Changes())
    assert again.amended == {}
    kept = replayed(changed, "k2", Changes(expert="ada"))
    assert set(kept.amended) == {"k1", "k2"}
    limited = replayed(
        RunRequest(messages=(), policy="q", limits={"calls": 3, "usd": 1.0}),
        "k1",
        Changes(request={"limits": {"usd": 0.5}}),
    )
    assert limited.limits == {"calls": 3, "usd": 0.5}
