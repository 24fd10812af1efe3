"""Evaluations over scripted experts: records, what is gone on with, figures, the page."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from experts.catalogue.expert import Expert
from orchestrator.conductor.evaluation.evaluate import Setting, evaluate, usable
from orchestrator.conductor.evaluation.graders import UnknownGrader
from orchestrator.conductor.evaluation.local import open_local
from orchestrator.conductor.evaluation.measures import vote_of
from orchestrator.conductor.evaluation.record import OutputInvalid, Record, RecordFile, Sample
from orchestrator.conductor.evaluation.report import render
from orchestrator.conductor.evaluation.summary import summarise
from orchestrator.conductor.evaluation.tasks import GradedTask, TasksInvalid
from orchestrator.conductor.strategies import STRATEGIES
from orchestrator.conductor.strategies.self_consistency import self_consistency
from router.evaluation.intervals import wilson
from tests.unit.orchestrator.conductor.conftest import expert

GAME = GradedTask("game", "GameOf24", "1 2 4 7", "24")
SORT = GradedTask("sort", "word_sorting", "Sort: b a", "a b")
PUZZLE = GradedTask("puzzle", "P3_Test", "def sat(n: int):\n    import statistics\n    return n")
TASKS = [GAME, SORT, PUZZLE]
REPLIES = {
    "1 2 4 7": "FINAL ANSWER: 4 * (7 - 2 + 1)",
    "Sort": "FINAL ANSWER: b a",
    "def sat": "FINAL ANSWER: 1",
}
MODEL = expert(
    "model", {"replies": REPLIES}, price={"input": 1.0, "output": 2.0}, active_parameters=7.0
)
BASICS = [STRATEGIES["direct"], self_consistency(3)]


async def run_all(tasks: list[GradedTask], *experts: Expert, done: list[Record] | None = None,
                  at_once: int = 2) -> tuple[list[Record], list[Record]]:  # fmt: skip
    fresh: list[Record] = []
    async with open_local(experts) as local:
        setting = Setting(
            experts_for=local.experts_for,
            sandbox=local.sandbox,
            grading=local.grading,
            at_once=at_once,
            active_parameters=local.active_parameters,
        )
        records = await evaluate(tasks, BASICS, setting, done=done or (), finished=fresh.append)
    return records, fresh


async def test_every_task_runs_under_every_strategy_and_is_graded() -> None:
    records, fresh = await run_all(TASKS, MODEL)
    assert [(record.task, record.strategy) for record in records] == [
        (task, strategy)
        for task in ("game", "sort", "puzzle")
        for strategy in ("direct", "self-consistency")
    ]
    assert sorted(map(str, fresh)) == sorted(map(str, records))
    game, _, sort, _, puzzle, _ = records
    assert (game.right, game.answer, game.calls) == (True, "4 * (7 - 2 + 1)", 1)
    assert game.usd == pytest.approx((game.tokens - 9) * 1e-6 + 9 * 2e-6, rel=0.5)
    assert game.active_parameters == 7.0
    assert (sort.right, sort.reason) == (False, "word 1 is 'b', not 'a'")
    assert (puzzle.right, puzzle.reason) == (None, "the sandbox lacks module statistics")
    voted = records[1]
    assert (voted.calls, voted.active_parameters, len(voted.samples)) == (3, 21.0, 3)
    assert {sample.answer for sample in voted.samples} == {"4 * (7 - 2 + 1)"}


async def test_nothing_is_paid_twice() -> None:
    first, _ = await run_all(TASKS[:2], MODEL)
    changed = GradedTask("sort", "word_sorting", "Sort: b a", "b a")
    records, fresh = await run_all([GAME, changed, PUZZLE], MODEL, done=first)
    assert {record.task for record in fresh} == {"sort", "puzzle"}, "a changed task is another one"
    assert [record.right for record in records] == [True, True, True, True, None, None]
    assert len(usable(first, TASKS, BASICS[:1])) == 2


async def test_a_task_nobody_can_grade_is_found_before_anybody_is_asked() -> None:
    broken = GradedTask("x", "any", "p", "t", "json-schema")
    with pytest.raises(TasksInvalid, match=r"task x \(any\): the task has no field 'schema'"):
        await run_all([GAME, broken], MODEL)
    with pytest.raises(UnknownGrader):
        await run_all([GradedTask("x", "any", "p", "t", "guess")], MODEL)


async def test_runs_that_fail_count_as_wrong() -> None:
    records, _ = await run_all([GAME], expert("down", "fail:503"))
    assert [(record.status, record.right) for record in records] == [("failed", False)] * 2
    report = summarise(records)
    assert report["strategies"]["direct"]["failed"] == 1
    assert report["strategies"]["direct"]["accuracy"] == 0.0
    assert "503" in report["failures"][0]["reason"]


def test_a_file_of_records_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    record = Record(task="t", digest="d", category="c", strategy="direct", right=True, usd=0.5)
    file = RecordFile(path, {"policy": "quality"})
    file.add(record)
    file.close()
    with path.open("ab") as torn:
        torn.write(b'{"task": "cut sh')
    again = RecordFile(path, {"policy": "quality"})
    assert again.found == [record]
    again.add(record)
    again.close()
    last = RecordFile(path, {"policy": "quality"})
    last.close()
    assert last.found == [record] * 2
    with pytest.raises(OutputInvalid, match="was made with other policy"):
        RecordFile(path, {"policy": "economy"})
    path.write_bytes(b"hello\n")
    with pytest.raises(OutputInvalid, match="is not a file of results"):
        RecordFile(path, {})
    path.write_bytes(b"{}\n{}\n")
    with pytest.raises(OutputInvalid, match="line 2: is not a result"):
        RecordFile(path, {})
    with pytest.raises(OutputInvalid, match="No such file"):
        RecordFile(tmp_path / "missing" / "out.jsonl", {})


def test_wilson_intervals() -> None:
    assert wilson(0, 0) is None
    low, high = wilson(8, 10) or (0.0, 0.0)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert (wilson(0, 10) or (1.0, 0.0))[0] == pytest.approx(0.0)
    assert (wilson(10, 10) or (1.0, 0.0))[1] == pytest.approx(1.0)


def sample(answer: str, right: bool | None = False) -> Sample:
    return Sample(answer=answer, right=right, usd=0.1, tokens=10)


def test_votes_of_some_of_the_samples() -> None:
    samples = [sample("8", True), sample("8", True), sample("7"), sample("6")]
    assert vote_of(samples, 4) == 1.0
    assert vote_of(samples, 1) == 0.5
    assert vote_of(samples, 2) == pytest.approx((1 + 4 * 0.5) / 6)
    assert vote_of([sample("a", None)], 1) is None
    assert vote_of([sample("")], 1) == 0.0
    many = [sample("8", True)] * 12 + [sample(str(n)) for n in range(12)]
    assert vote_of(many, 5, seed=3) == vote_of(many, 5, seed=3)
    assert 0.8 < (vote_of(many, 5) or 0) <= 1.0


def made(task: str, strategy: str, right: bool | None, **fields: object) -> Record:
    return Record(task=task, digest="d", category="c", strategy=strategy, right=right, **fields)  # type: ignore[arg-type]


def test_figures() -> None:
    records = []
    for number in range(100):
        name = f"t{number}"
        voting = (sample("r", True), sample("r", number % 2 == 0), sample("w"))
        records += [
            made(name, "direct", number < 50, usd=0.1),
            made(name, "self-consistency", number < 60, usd=0.3, samples=voting),
            made(name, "conductor", number < 80 if number else None, usd=0.25, stopped="calls"),
            made(name, "big", number < 80, usd=5.0),
            made(name, "tiny", False, usd=0.01),
        ]
    report = summarise(records)
    assert report["n"] == 100
    found = report["strategies"]
    assert found["direct"]["accuracy"] == 0.5
    assert found["direct"]["against_direct"]["gain"] == 0.0
    conductor = found["conductor"]
    assert (conductor["n"], conductor["ungradeable"], conductor["stopped"]) == (99, 1, 100)
    assert conductor["against_direct"]["n"] == 99
    assert conductor["against_direct"]["gain"] == pytest.approx(30 / 99)
    assert conductor["against_direct"]["verdict"] == "win"
    votes = {name: each["equal_cost"]["self-consistency"] for name, each in found.items()}
    assert (votes["conductor"]["samples"], votes["conductor"]["enough"]) == (2, True)
    assert (votes["big"]["samples"], votes["big"]["enough"]) == (3, False)
    assert (votes["tiny"]["samples"], votes["tiny"]["accuracy"]) == (0, None)
    assert conductor["cost"]["mean"] == pytest.approx(0.25)
    assert report["frontier"]["points"]["self-consistency of 1"] == pytest.approx([0.1, 0.5])
    over = conductor["equal_cost"]["frontier"]
    halves = {"self-consistency of 2": 0.5, "self-consistency": 0.5}
    assert over["mixture"] == pytest.approx(halves)
    of_two = (49 * 2 / 3 + 50 * 1 / 2) / 99
    assert over["accuracy"] == pytest.approx((of_two + 59 / 99) / 2)
    assert over["against"]["gain"] == pytest.approx(79 / 99 - over["accuracy"])
    assert over["against"]["verdict"] == "win"
    assert found["tiny"]["equal_cost"]["frontier"]["accuracy"] is None
    assert found["direct"]["equal_cost"]["self-consistency"]["samples"] == 1
    assert report["per_category"]["c"]["direct"]["right"] == 50
    assert report["ungradeable"] == [{"category": "c", "reason": "", "n": 1}]
    json.dumps(report, allow_nan=False)


def test_a_vote_that_failed_or_was_cut_short_is_part_of_the_comparison() -> None:
    full = (sample("r", True), sample("w"), sample("r", True))
    records = [
        made("t1", "self-consistency", True, usd=0.3, samples=full),
        made("t2", "self-consistency", True, usd=0.1, samples=full[:1]),
        made("t3", "self-consistency", False, status="failed"),
        *(made(task, "conductor", True, usd=0.1) for task in ("t1", "t2", "t3")),
    ]
    report = summarise(records)
    points = report["frontier"]["points"]
    assert points["self-consistency of 1"] == pytest.approx([0.2 / 3, (2 / 3 + 1) / 3])
    assert points["self-consistency of 2"] == pytest.approx([0.1, (2 / 3 + 1) / 3])
    assert points["self-consistency"] == pytest.approx([0.4 / 3, 2 / 3])
    assert report["strategies"]["conductor"]["equal_cost"]["self-consistency"]["samples"] == 2


def test_tokens_are_compared_where_nothing_costs_money() -> None:
    free = (Sample(answer="r", right=True, usd=0.0, tokens=100),) * 3
    records = [
        made("t", "direct", True, tokens=100),
        made("t", "self-consistency", True, tokens=300, samples=free),
        made("t", "conductor", True, tokens=210),
    ]
    report = summarise(records)
    assert report["unit"] == "tokens"
    assert report["strategies"]["conductor"]["cost"]["mean"] == 210
    assert report["strategies"]["conductor"]["equal_cost"]["self-consistency"]["samples"] == 2


def test_without_direct_or_votes_there_is_nothing_to_compare_with() -> None:
    report = summarise([made("t", "conductor", None)])
    found = report["strategies"]["conductor"]
    assert report["frontier"] is None
    assert found["against_direct"] is None
    assert found["equal_cost"] == {}
    assert found["accuracy"] is None


class Tags(HTMLParser):
    """Counts what is left open, and notes what would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.foreign += [tag] * (tag in {"script", "link", "img", "iframe", "object"})
        if tag not in {"meta", "line", "circle", "rect", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"line", "circle", "rect", "polyline"}:
            assert self.open.pop() == tag


async def test_the_page_is_whole_and_escapes_what_it_is_given() -> None:
    records, _ = await run_all(TASKS, MODEL)
    evil = made("t", "direct", None, reason="<script>alert(1)</script>")
    for report in (summarise(records), summarise([evil]), summarise([made("t", "<b>", True)])):
        page = render(report, title="A <title>", subtitle="tasks & more")
        tags = Tags()
        tags.feed(page)
        assert tags.open == []
        assert tags.foreign == []
        assert "<script" not in page
        assert "<b>" not in page
        assert not re.search(r"https?://", page)
    page = render(summarise(records))
    assert "At equal cost" in page
    assert page.count('<polyline class="whisker peer"') == 4, "two strategies, accuracy and cost"
    assert page.count('<polyline class="hull"') == 1
    assert "self-consistency of 2: " in page
    assert "Not gradeable here" in render(summarise(records))
