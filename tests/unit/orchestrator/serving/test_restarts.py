"""How many processes there are, and when one that ended is started again."""

from __future__ import annotations

import math
import os

import pytest

from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import load_settings
from orchestrator.serving.restarts import Restarts, cores_of, ending, how_many
from orchestrator.start import refuse_residency


def test_quick_ends_are_waited_after_twice_as_long_each_time_and_then_given_up() -> None:
    rule = Restarts(lived=10, most=4, first=0.5, longest=1.5)
    waits, quick = [], 0
    for _ in range(4):
        quick, wait = rule.after(2.0, quick)
        waits.append(wait)
    assert waits == [0.5, 1.0, 1.5, None]


def test_one_that_ran_for_long_is_no_failure_of_the_start() -> None:
    rule = Restarts(lived=10, most=2, first=0.5)
    assert rule.after(10.0, 1) == (0, 0.5)


def test_ends_are_told_in_words() -> None:
    assert [ending(1), ending(-9), ending(-63)] == ["exit code 1", "SIGKILL", "signal 63"]


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000\n", math.inf), ("150000 100000\n", 1.5), ("50000 100000", 0.5)],
)
def test_the_cores_of_a_control_group(quota: str, cores: float) -> None:
    assert cores_of(quota) == cores


def test_auto_is_at_most_the_cores_that_may_be_used() -> None:
    assert 1 <= how_many("auto") <= len(os.sched_getaffinity(0))
    assert how_many(3) == 3


@pytest.mark.parametrize("wrong", ["0", "65", "many"])
def test_a_number_of_workers_that_is_none_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(StartError, match="COE_WORKERS"):
        load_settings(workers=wrong)
    assert load_settings(workers="auto").workers == "auto"
    assert load_settings(workers="2").workers == 2


@pytest.mark.parametrize(
    "setting", [{"residency_budget": "8GB"}, {"residency_servers": "ollama=http://127.0.0.1:11434"}]
)
def test_models_that_are_loaded_and_unloaded_need_one_process(setting: dict[str, str]) -> None:
    refuse_residency(load_settings())
    with pytest.raises(StartError, match=f"COE_{next(iter(setting)).upper()} needs COE_WORKERS=1"):
        refuse_residency(load_settings(**setting))
