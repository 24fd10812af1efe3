"""``coe conductor evaluate``, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import build

TEAM = """
experts:
  - id: solver
    provider: scripted
    parameters:
      script:
        replies: {"1 2 4 7": "FINAL ANSWER: 4 * (7 - 2 + 1)", "Sort": "FINAL ANSWER: b a"}
    price: {input: 1.0, output: 2.0}
"""
TASKS = """
{"id": "g", "category": "GameOf24", "prompt": "1 2 4 7", "target": "24"}
{"id": "s", "category": "word_sorting", "prompt": "Sort: b a", "target": "a b"}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "team.yaml").write_text(TEAM)
    (tmp_path / "tasks.jsonl").write_text(TASKS.lstrip())
    return tmp_path


def coe(*arguments: str) -> Result:
    base = ["conductor", "evaluate", "--tasks", "tasks.jsonl", "--experts", "team.yaml"]
    return CliRunner().invoke(build(), [*base, *arguments])


def test_json_table_page_and_results(files: Path) -> None:
    done = coe(
        *("--strategies", "direct, cot,self-consistency", "--samples", "3", "--json"),
        *("--html", "report.html", "--out", "out.jsonl"),
    )
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["strategies"]["direct"]["accuracy"] == 0.5
    assert report["strategies"]["self-consistency"]["calls"] == 3
    assert "<h2>At equal cost</h2>" in (files / "report.html").read_text()
    lines = (files / "out.jsonl").read_text().splitlines()
    assert len(lines) == 1 + 2 * 3
    assert report["strategies"]["cot"]["equal_cost"]["frontier"]["against"]["verdict"] == "tie"
    again = coe("--strategies", "direct", "--samples", "3", "--out", "out.jsonl")
    assert again.exit_code == 0, again.output
    assert (files / "out.jsonl").read_text().splitlines() == lines, "nothing is run again"
    assert "0.500" in again.stdout
    assert "at equal cost" in again.stdout
    other = coe("--strategies", "direct", "--samples", "3", "--seed", "5", "--out", "out.jsonl")
    assert other.exit_code == 1
    assert "was made with other parameters" in other.stderr


def test_some_of_the_tasks(files: Path) -> None:
    found = coe("--strategies", "direct", "--category", "GameOf24", "--json")
    assert json.loads(found.stdout)["categories"] == {"GameOf24": 1}
    found = coe("--strategies", "direct", "--n", "1", "--json")
    assert json.loads(found.stdout)["n"] == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--strategies", "guess"), "There is no strategy 'guess'; there are "),
        (("--strategies", ","), "Name at least one strategy."),
        (("--category", "none"), "There is no category 'none'; there are GameOf24, word_sorting."),
        (("--policy", "none"), "There is no policy 'none'"),
        (("--max-usd", "0"), "usd is more than 0"),
    ],
)
def test_what_is_typed_wrong(files: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = coe(*arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr


def test_files_that_are_wrong(files: Path) -> None:
    (files / "tasks.jsonl").write_text("{}\n")
    done = coe()
    assert (done.exit_code, done.stderr) == (1, "tasks.jsonl, row 1: prompt: is missing.\n")
    (files / "tasks.jsonl").write_text(TASKS.lstrip().replace('"24"', '"many"'))
    done = coe()
    assert done.exit_code == 1
    assert "task g (GameOf24): the target 'many' is no value." in done.stderr
    (files / "tasks.jsonl").write_text(TASKS.lstrip())
    (files / "team.yaml").write_text("experts: [{id: x}]")
    done = coe()
    assert done.exit_code == 1
    assert "provider" in done.stderr
