"""``coe residency``, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.command import coe


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.jsonl"
    done = coe("residency", "generate", path, "--requests", 120, "--rate", 4)
    assert done.exit_code == 0, done.output
    assert len(path.read_text().splitlines()) == 120
    return path


def test_table_json_and_report(trace: Path, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    options = (trace, "--size", "4GB", "--size", "expert-000=2GB", "--memory", "8GB")
    done = coe("residency", "simulate", *options, "--html", page)
    assert done.exit_code == 0, done.output
    assert "grouped, look-ahead" in done.stdout
    assert "at least" in done.stdout, "of different sizes, only a bound is known"
    html = page.read_text()
    assert html.count("<svg") == 3
    assert "expert-001" in html
    done = coe("residency", "simulate", *options, "--json")
    report = json.loads(done.stdout)
    assert (report["requests"], report["experts"]) == (120, 6)
    assert report["bytes"] == 22 * 10**9
    assert [run["order"] for run in report["runs"]] == ["fcfs", "fcfs", "grouped", "grouped"]
    assert all(run["loads"] >= run["fewest"] for run in report["runs"])


def test_machines_stand_beside_each_other(trace: Path) -> None:
    options = ("--machine", "sn40l", "--machine", "dgx-a100", "--memory", "30GB", "--warm")
    done = coe("residency", "simulate", trace, *options, "--json")
    runs = json.loads(done.stdout)["runs"]
    gains = {run["machine"]: run["switching_gain"] for run in runs}
    assert gains == {"sn40l": pytest.approx(31.25), "dgx-a100": pytest.approx(1.0)}


def test_requests_without_an_expert_are_spread(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"at": {n}, "category": "c{n % 3}"}}\n' for n in range(90)))
    done = coe("residency", "simulate", path, "--experts", 30, "--size", "1GB", "--json")
    assert done.exit_code == 0, done.output
    assert 15 < json.loads(done.stdout)["experts"] <= 30
    done = coe("residency", "simulate", path)
    assert (done.exit_code, "give --experts" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--experts", 2), "names 6 experts"),
        (("--size", "large"), "24GB"),
        (("--size", "nobody=1GB", "--size", "1GB"), "no such expert"),
        (("--size", "expert-000=1GB"), "How large is 'expert-001'?"),
        (("--machine", "abacus"), "There is no machine 'abacus'"),
        (("--memory", "1GB"), "'expert-000' has"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    trace: Path, options: tuple[object, ...], said: str
) -> None:
    done = coe("residency", "simulate", trace, *options)
    assert done.exit_code in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_lines_that_are_no_request_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("{}\n")
    done = coe("residency", "simulate", path)
    assert (done.exit_code, "t.jsonl, line 1" in done.stderr) == (1, True)
