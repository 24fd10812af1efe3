"""``coe jobs`` against the running service and its worker."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from typer.testing import Result

from tests.command import coe as run
from tests.e2e.conftest import Server
from tests.e2e.support import added_expert


def coe(server: Server, *arguments: str, code: int = 0) -> Result:
    environ = {"COE_BASE_URL": server.url, "COE_API_KEY": server.key}
    done = run(*arguments, environ=environ)
    assert done.exit_code == code, done.output
    return done


def test_an_evaluation_brings_scores_and_a_report(server: Server, tmp_path: Path) -> None:
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "out"
    sums = [{"prompt": f"add {n} to {n}", "target": "4", "category": "sums"} for n in range(6)]
    names = [{"prompt": f"name city {n}", "target": "Rome", "category": "cities"} for n in range(6)]
    rows = [{**row, "id": f"p{n}", "grader": "exact"} for n, row in enumerate([*sums, *names])]
    prompts.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    scripted = {"provider": "scripted", "price": {"input": 1.0, "output": 1.0}}
    with (
        added_expert(server, id="adder", model="fixed:4", **scripted) as adder,
        added_expert(server, id="traveller", model="fixed:Rome", **scripted) as traveller,
    ):
        asked = ["evaluation", str(prompts), "--experts", f"{adder},{traveller}"]
        told = coe(server, "jobs", "start", *asked, "--out", str(out), "--json").stdout
    result = json.loads(told)["result"]
    assert (result["answers"], result["complete"]) == (24, True)
    assert {path.name for path in out.iterdir()} == {file["name"] for file in result["files"]}
    scores = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    assert {(row["category"], row["scores"][adder]) for row in scores} == {
        ("sums", 1.0),
        ("cities", 0.0),
    }


def test_usage_is_exported_and_what_is_scheduled_is_seen(server: Server, tmp_path: Path) -> None:
    started = coe(server, "jobs", "start", "export", "--tenant", "*", "--no-wait").stdout.strip()
    job = json.loads(coe(server, "jobs", "watch", started, "--out", str(tmp_path), "--json").stdout)
    with (tmp_path / "usage.csv").open(newline="") as file:
        assert sum(1 for _ in csv.DictReader(file)) == job["result"]["records"]
    assert started in coe(server, "jobs", "list", "--kind", "export").stdout
    schedule = json.loads(coe(server, "jobs", "schedule", "--json").stdout)
    assert {"jobs.look", "runs.look", "usage.partitions", "audit.check"} <= {
        task["name"] for task in schedule
    }
    assert [task["name"] for task in schedule if task["problem"]] == []
    assert "done within seconds" in coe(server, "jobs", "run-task", "usage.content").stderr
    refused = coe(server, "jobs", "run-task", "nothing", code=1).stderr
    assert "There is no such task." in refused
    refused = coe(server, "jobs", "start", "training", code=1).stderr
    assert "Say what to learn from" in refused
