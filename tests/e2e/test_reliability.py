"""From recorded answers over ``coe conductor teach`` to a service that weighs answers by them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from experts.providers.replay import question
from tests.command import coe
from tests.e2e.conftest import Server
from tests.e2e.support import eventually

WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron"]


def rows() -> list[dict[str, Any]]:
    """Return questions that the small expert can answer and the large one cannot."""
    made = []
    for number in range(80):
        options = [f"{word} {number}" for word in WORDS[number % 4 : number % 4 + 4]]
        right = "ABCD"[number * 7 % 4]
        wrong = "ABCD"[(number * 7 + 1) % 4]
        made.append(
            {
                "id": f"q{number}",
                "prompt": f"Which word belongs to the number {number} in the list?",
                "options": options,
                "answer": right,
                "answers": {"Sage-8B": right, "Fool-70B": wrong if number % 5 else right},
            }
        )
    return made


def experts(record: Path) -> list[dict[str, Any]]:
    return [
        {
            "id": identifier,
            "provider": "replay",
            "model": model,
            "endpoints": [{"url": str(record)}],
            "active_parameters": billions,
        }
        for identifier, model, billions in (("sage", "Sage-8B", 8), ("fool", "Fool-70B", 70))
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory: Path = tmp_path_factory.mktemp("reliability")
    record = directory / "answers.jsonl"
    record.write_text("\n".join(map(json.dumps, rows())))
    (directory / "experts.yaml").write_text(yaml.safe_dump({"experts": experts(record)}))
    return directory


@pytest.fixture(scope="module")
def taught(folder: Path) -> dict[str, Any]:
    done = coe(
        "conductor", "teach", "--json", "--out", folder / "taught",
        "--data", folder / "answers.jsonl", "--experts", folder / "experts.yaml",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


@pytest.fixture(scope="module")
def server(folder: Path, taught: dict[str, Any]) -> Iterator[Server]:
    running = Server(
        folder / "data",
        experts=experts(folder / "answers.jsonl"),
        environ={"COE_RELIABILITY_DIR": taught["artifact"]},
        worker=True,
    ).start()
    yield running
    running.stop()


def test_chat_weighs_answers(server: Server) -> None:
    row = rows()[3]
    asked = question(row["prompt"], row["options"])
    body = {
        "model": "coe-cascade",
        "messages": [{"role": "user", "content": asked}],
        "coe": {"explain": True},
    }
    with server.client() as http:
        answer = http.post("/v1/chat/completions", json=body).json()
    assert answer["choices"][0]["message"]["content"] == f"The answer is ({row['answer']})."
    steps = answer["coe"]["steps"]
    # Untaught, the cheap expert's answer would be checked; taught, it is known to be right.
    assert [(step["kind"], step["expert"]) for step in steps] == [("expert", "sage"), ("vote", "")]


def test_runs_in_the_background_weigh_answers_too(server: Server) -> None:
    row = rows()[4]
    asked = question(row["prompt"], row["options"])
    with server.client() as http:
        made = http.post("/v1/runs", json={"strategy": "cascade", "task": asked}).json()

        def ended() -> dict[str, Any] | None:
            run: dict[str, Any] = http.get(f"/v1/runs/{made['id']}").json()
            return run if run["status"] in {"finished", "failed"} else None

        run = eventually(ended, 30.0)
    assert run["status"] == "finished", run
    assert run["answer"] == f"The answer is ({row['answer']})."
    assert [step["kind"] for step in run["steps"]] == ["expert", "vote"]
