"""``coe batch`` and ``coe jobs`` against the running service."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import Result

from tests.command import coe as run
from tests.e2e.conftest import Server
from tests.e2e.support import added_expert


def coe(server: Server, *arguments: str, code: int = 0) -> Result:
    done = run(*arguments, environ=environ(server))
    assert done.exit_code == code, done.output
    return done


def environ(server: Server) -> dict[str, str]:
    return {"COE_BASE_URL": server.url, "COE_API_KEY": server.key}


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_prompts_come_and_answers_go_in_each_format(
    server: Server, tmp_path: Path, suffix: str
) -> None:
    prompts, out = tmp_path / f"prompts.{suffix}", tmp_path / f"answers.{suffix}"
    rows = [{"id": f"p{n}", "prompt": f'say {n}, \u00fc\n"quoted"'} for n in range(3)]
    if suffix == "jsonl":
        prompts.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    elif suffix == "csv":
        with prompts.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["id", "prompt"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        parquet.write_table(pa.Table.from_pylist(rows), prompts)
    done = coe(server, "batch", "run", str(prompts), "--model", "generalist", "--out", str(out))
    assert "3 requests, about $" in done.stderr
    assert "3 of 3 answered" in done.stderr
    assert {row["id"]: row["answer"] for row in read(out)} == {
        row["id"]: row["prompt"] for row in rows
    }
    # Once more: it is the same batch, and costs nothing more.
    again = coe(server, "batch", "run", str(prompts), "--model", "generalist", "--out", str(out))
    assert "Going on with batch_" in again.stderr
    other = coe(server, "batch", "run", str(prompts), "--out", str(out), code=1)
    assert "made of other prompts" in other.stderr


def read(out: Path) -> list[dict[str, Any]]:
    if out.suffix == ".csv":
        with out.open(newline="") as file:
            return list(csv.DictReader(file))
    if out.suffix == ".parquet":
        rows: list[dict[str, Any]] = parquet.read_table(out).to_pylist()
        return rows
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    return [
        {
            "id": line["custom_id"],
            "answer": line["response"]["body"]["choices"][0]["message"]["content"],
        }
        for line in lines
    ]


def test_a_command_that_was_interrupted_goes_on(server: Server, tmp_path: Path) -> None:
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "answers.jsonl"
    prompts.write_text("".join(f'{{"prompt": "say {n}"}}\n' for n in range(40)))
    slow = {"provider": "scripted", "model": "delay:0.3|echo"}
    with added_expert(server, id="slow-one", **slow) as expert:
        command = ["batch", "run", str(prompts), "--model", expert, "--out", str(out)]
        first = subprocess.Popen(
            [str(Path(sys.executable).with_name("coe")), *command],
            env={**os.environ, **environ(server)},
            stderr=subprocess.PIPE,
            text=True,
        )
        kept = tmp_path / "answers.jsonl.batch"
        deadline = time.monotonic() + 30
        while not kept.exists() or json.loads(kept.read_text())["batch"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        first.kill()
        first.communicate()
        batch_id = json.loads(kept.read_text())["batch"]
        # It may have been killed before it knew: the batch is found by the prompts it was made of.
        kept.write_text(json.dumps(json.loads(kept.read_text()) | {"batch": None}))
        done = coe(server, *command, "--json")
    assert json.loads(done.stdout)["id"] == batch_id
    assert f"Going on with {batch_id}" in done.stderr
    assert len(read(out)) == 40
    shown = json.loads(coe(server, "jobs", "show", batch_id, "--json").stdout)
    assert shown["progress"]["completed"] == 40


def test_what_fails_is_said_and_can_be_requeued(server: Server, tmp_path: Path) -> None:
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "answers.csv"
    prompts.write_text('{"prompt": "hello"}\n')
    command = ["batch", "run", str(prompts), "--model", "refusing", "--out", str(out), "--json"]
    batch_id = json.loads(coe(server, *command, code=1).stdout)["id"]
    [row] = read(out)
    assert row["error"].startswith("expert_refused_request: ")
    shown = coe(server, "jobs", "show", batch_id).stdout
    assert "expert_refused_request" in shown
    assert batch_id in coe(server, "jobs", "list", "--state", "finished", "--json").stdout
    none = coe(server, "jobs", "requeue", batch_id, "--code", "expert_timeout")
    assert "0 items were queued again" in none.stderr
    some = coe(server, "jobs", "requeue", batch_id)
    assert "1 items were queued again; the job is running" in some.stderr


def test_what_cannot_begin_is_said(server: Server, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("question\nhello\n")
    out = str(tmp_path / "answers.csv")
    refused = coe(server, "batch", "run", str(prompts), "--out", out, code=1)
    assert "row 1 has neither 'prompt'" in refused.stderr
    prompts.write_text("prompt\nhello\n")
    dear = ["--model", "generalist", "--most-usd", "0.0000001"]
    refused = coe(server, "batch", "run", str(prompts), "--out", out, *dear, code=1)
    assert "nothing was begun" in refused.stderr
    refused = coe(server, "batch", "run", str(prompts), "--out", "answers.txt", code=2)
    assert "--out must end with" in refused.stderr
    refused = coe(server, "batch", "run", str(prompts), "--model", "coe-none", "--out", out, code=1)
    assert "model_not_found" in refused.stderr
