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


async def test_a_real_run(make_run: MakeRun) -> None:
    run = make_run("Which is larger?", expert("one", "fixed:<answer>this</answer>"))
    outcome = await execute("conductor", run)
    picture = picture_of_run(outcome.steps)
    assert picture.count("-->") == len(outcome.steps) - 1
