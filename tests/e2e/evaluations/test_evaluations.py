"""``coe evaluate run`` killed with -9 and gone on with, and through the running service."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.command import coe
from tests.e2e.support import added_expert, question, settled_rows, upstream

PROMPTS = 120


def _files(folder: Path, url: str) -> list[str]:
    rows = [{"prompt": f"Prompt {n}", "target": "4", "category": "c"} for n in range(PROMPTS)]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    expert = {"id": "slow", "provider": "openai", "model": "any", "endpoints": [{"url": url}]}
    (folder / "team.yaml").write_text(json.dumps({"experts": [expert]}))
    return [
        *("evaluate", "run", "--prompts", str(folder / "prompts.jsonl"), "--at-once", "4"),
        *("--catalogue", str(folder / "team.yaml"), "--out", str(folder / "out"), "--json"),
    ]


def _asked(requests: list[dict[str, Any]]) -> Counter[str]:
    return Counter(request["messages"][-1]["content"].splitlines()[0] for request in requests)


def test_killed_it_goes_on_and_asks_nothing_twice_that_was_answered(tmp_path: Path) -> None:
    with upstream("delay:0.03|fixed:FINAL ANSWER: 4") as running:
        words = _files(tmp_path, running.url)
        answers = tmp_path / "out" / "answers.jsonl"
        process = subprocess.Popen(
            [sys.executable, "-c", "from orchestrator.cli import main; main()", *words],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while not (answers.exists() and len(answers.read_bytes().splitlines()) > PROMPTS // 3):
            assert time.monotonic() < deadline
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.02)
        process.kill()
        process.wait()
        kept = [json.loads(line)["prompt"] for line in answers.read_bytes().splitlines()[1:]]
        done = coe(*words)
        assert done.exit_code == 0, done.output
        asked = _asked(running.ledger.requests)
    assert len(kept) < PROMPTS
    assert len(asked) == PROMPTS
    twice = [prompt for prompt, count in asked.items() if count > 1]
    assert len(twice) <= 4, "only what was under way when it was killed"
    assert max(asked.values()) <= 2
    report = json.loads(done.stdout)
    assert report["experts"]["slow"]["answers"] == PROMPTS
    assert report["experts"]["slow"]["accuracy"] == 1.0


def test_through_the_service(server: Any, tmp_path: Path) -> None:
    (tmp_path / "prompts.jsonl").write_text(
        '{"prompt": "What is 2 + 2?", "target": "4"}\n{"prompt": "What is 3 + 2?", "target": "5"}\n'
    )
    price = {"input": 1.0, "output": 2.0}
    entry = {"provider": "scripted", "model": "fixed:FINAL ANSWER: 4", "price": price}
    with added_expert(server, id="evaluated", **entry):
        done = coe(
            *("evaluate", "run", "--prompts", tmp_path / "prompts.jsonl"),
            *("--experts", "evaluated", "--through-service", "--json", "--max-tokens", 50),
            environ={"COE_BASE_URL": server.url, "COE_API_KEY": server.key},
        )
        assert done.exit_code == 0, done.output
        report = json.loads(done.stdout)
        assert report["experts"]["evaluated"]["accuracy"] == 0.5
        rows = settled_rows(server, "evaluated", 2)
        assert report["usd"] == sum(row["cost_usd"] for row in rows) > 0


def test_live_traffic_put_to_another_expert(server: Any, tmp_path: Path) -> None:
    environ = {"COE_BASE_URL": server.url, "COE_API_KEY": server.key}
    price = {"input": 1.0, "output": 1.0}
    by_place = {
        "replies": {"[answer A]\nbetter": "[[A]]", "[answer B]\nbetter": "[[B]]"},
        "text": "[[C]]",
    }
    judge = {"provider": "scripted", "parameters": {"script": by_place}, "price": price}
    incumbent = {"provider": "scripted", "model": "fixed:worse"}
    challenger = {"provider": "scripted", "model": "fixed:better", "price": price}
    words = (
        *("evaluate", "live", "--experts", "live-new", "--judge", "live-judge", "--share", 1),
        *("--days", 1, "--out", tmp_path / "out", "--max-usd", 1, "--json"),
    )
    with (
        added_expert(server, id="live-old", **incumbent),
        added_expert(server, id="live-new", **challenger),
        added_expert(server, id="live-judge", **judge),
        server.client() as client,
    ):
        refused = coe(*words, environ=environ)
        assert "No request with a stored answer is in the sample" in refused.stderr
        assert (
            coe("feedback", "content", "default", "--level", "all", environ=environ).exit_code == 0
        )
        try:
            for text in ("Tell me a story.", "Tell me another."):
                body = question("live-old", text)
                assert client.post("/v1/chat/completions", json=body).status_code == 200
            settled_rows(server, "live-old", 2)
            done = coe(*words, environ=environ)
        finally:
            coe("feedback", "content", "default", "--erase", environ=environ)
        assert done.exit_code == 0, done.output
    [pair] = json.loads(done.stdout)["judges"]["live-judge"]["pairs"]
    assert (pair["a"], pair["b"], pair["n"], pair["as_judged"]) == ("live", "live-new", 2, 0.0)
    lines = (tmp_path / "out" / "scores.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["prompt"] for row in rows] == ["Tell me a story.", "Tell me another."]
    assert {(c["a"], c["b"], c["winner"]) for row in rows for c in row["comparisons"]} == {
        ("live-old", "live-new", "b"),
        ("live-new", "live-old", "a"),
    }
