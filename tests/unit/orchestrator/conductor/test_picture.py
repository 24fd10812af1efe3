"""Pictures of strategies and runs."""

from __future__ import annotations

import re

import pytest

from orchestrator.conductor.engine import execute
from orchestrator.conductor.picture import picture_of_run, picture_of_strategy
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.conductor.values import Step

from .conftest import MakeRun, expert


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_has_one(name: str) -> None:
    picture = picture_of_strategy(STRATEGIES[name])
    assert "graph TD" in picture
    assert re.search(r"conclude --> __end__", picture)


def test_what_went_on_at_the_same_time_stands_side_by_side() -> None:
    def step(number: int, started: float, seconds: float, **fields: str) -> Step:
        title = fields.pop("title", "do")
        return Step(str(number), number, "expert", title, "ok", started_at=started, seconds=seconds)

    picture = picture_of_run([step(1, 0, 1), step(2, 1, 2), step(3, 1.1, 5), step(4, 7, 1)])
    edges = set(re.findall(r"s(\d) --> s(\d)", picture))
    assert edges == {("1", "2"), ("1", "3"), ("2", "4"), ("3", "4")}


def test_nothing_in_a_title_means_anything_to_mermaid() -> None:
    title = 'C++ "expert"] --> x[<script>'
    picture = picture_of_run([Step("a", 1, "expert", title, "failed", expert="e;x")])
    node = picture.split("\n")[1]
    assert node.count('"') == 2
    assert "<script" not in node
    assert node.endswith(":::failed")


def test_work_below_a_step_is_drawn_inside_it() -> None:
    def step(key: str, number: int, started: float, seconds: float) -> Step:
        return Step(key, number, "strategy", key, "ok", started_at=started, seconds=seconds)

    picture = picture_of_run(
        [step("a", 1, 0, 5), step("a/x", 2, 1, 1), step("a/y", 3, 3, 1), step("b", 4, 6, 1)]
    )
    assert [line.strip() for line in picture.split("\n")[1:8]] == [
        'subgraph s1["1. a"]',
        's2["2. a#47;x"]',
        's3["3. a#47;y"]',
        "s2 --> s3",
        "end",
        's4["4. b"]',
        "s1 --> s4",
    ]


def test_steps_whose_whole_is_missing_are_not_lost() -> None:
    assert "s7" not in picture_of_run([])
    assert 's7["7. do"]' in picture_of_run([Step("gone/x", 7, "expert", "do", "ok")])


async def test_a_real_run(make_run: MakeRun) -> None:
    run = make_run("Which is larger?", expert("one", "fixed:<answer>this</answer>"))
    outcome = await execute("conductor", run)
    picture = picture_of_run(outcome.steps)
    assert picture.count("-->") == len(outcome.steps) - 1
