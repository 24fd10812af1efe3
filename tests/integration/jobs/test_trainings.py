"""Trainings as jobs: a router learned in a process of its own, from a file or from feedback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.job_kinds.training_run import TrainingFailed, trained
from tests.integration.jobs.conftest import Place
from tests.integration.jobs.test_exports import JOBS, ended, started

QUICK = {"embedder": "hashing", "folds": 0, "name": "taught"}
_WORDS = {
    "code": "function loop python bug compile variable",
    "law": "contract court clause tenant lawyer statute",
}


def data(count: int = 24) -> list[str]:
    """Return prompts with labels and scores: each category has an expert that is better at it."""
    rows = []
    for number in range(count):
        category = list(_WORDS)[number % 2]
        words = _WORDS[category].split()
        prompt = " ".join(words[(number + k) % len(words)] for k in range(4))
        scores = {"coder": float(category == "code"), "lawyer": float(category == "law")}
        row = {"id": f"p{number}", "prompt": f"{prompt} {number}", "category": category}
        rows.append(json.dumps({**row, "scores": scores}))
    return rows


def processes() -> list[int]:
    """Return the ids of processes of this one that learn."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            parent = int((place / "stat").read_text().rpartition(") ")[2].split()[1])
            if parent == os.getpid() and b"orchestrator.job_kinds.training_process" in words:
                found.append(int(place.name))
    return found


async def process() -> int:
    """Return the id of the process that learns, once there is one."""
    async with asyncio.timeout(10):
        while True:
            if found := processes():
                return found[0]
            await asyncio.sleep(0.02)


async def gone(pid: int) -> None:
    """Return once a process is gone."""
    async with asyncio.timeout(10):
        while True:
            if pid not in processes():
                return
            await asyncio.sleep(0.02)


async def test_a_router_is_learned_from_a_file_and_decides_in_the_shadow(place: Place) -> None:
    file_id = await place.upload(data())
    async with place.worker():
        job_id = await started(
            place, "training", input_file_id=file_id, learning=QUICK, shadow_share=0.5
        )
        kept = await place.client.delete(f"/v1/files/{file_id}")
        assert (kept.status_code, kept.json()["error"]["code"]) == (409, "file_in_use")
        job = await ended(place, job_id)
    assert job["state"] == "finished", job
    result = job["result"]
    assert (result["prompts"], result["categories"], result["status"]) == (24, 3, "shadow")
    assert sorted(result["experts"]) == ["coder", "lawyer"]
    version = await place.get(f"/admin/api/routers/{result['router_version']}")
    assert (version["status"], version["share"]) == ("shadow", 0.5)
    assert version["version"].startswith("taught-")
    assert version["created_by"].startswith("the admin")


async def test_a_training_that_cannot_be_says_why(place: Place) -> None:
    wrong = await place.upload([*data(2), '{"prompt": 7}'])
    async with place.worker():
        job = await ended(place, await started(place, "training", input_file_id=wrong))
        assert (job["state"], job["error_code"]) == ("failed", "training_failed")
        assert "uploaded.jsonl, row 3" in job["error_message"]
        none = await ended(place, await started(place, "training", feedback_days=7))
        assert (none["state"], none["error_code"]) == ("failed", "training_failed")
        assert "no feedback" in none["error_message"]


async def test_a_cancelled_training_ends_its_process(place: Place) -> None:
    file_id = await place.upload(data(200))
    slow = {**QUICK, "folds": 50}
    async with place.worker():
        job_id = await started(place, "training", input_file_id=file_id, learning=slow)
        pid = await process()
        answer = await place.client.post(f"{JOBS}/{job_id}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
        await gone(pid)
    assert (await place.get("/admin/api/routers"))["data"][0]["built_in"]


async def test_a_process_that_dies_says_what_it_said_last(tmp_path: Path) -> None:
    async def tell(*_: object) -> None:
        return

    with pytest.raises(TrainingFailed, match=r"ended with 1: FileNotFoundError.*request\.json"):
        await trained(tmp_path, tell)


async def test_a_training_holds_up_no_batch_and_knows_no_secret(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENDOR_API_KEY", "canary")
    await place.expert("echo")
    file_id = await place.upload(data(200))
    slow: dict[str, Any] = {**QUICK, "folds": 50}
    async with place.worker():
        job_id = await started(place, "training", input_file_id=file_id, learning=slow)
        pid = await process()
        assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
        began = time.monotonic()
        await place.over(
            await place.batch(
                [
                    '{"custom_id": "a", "method": "POST", "url": '
                    '"/v1/chat/completions", "body": {"model": "everyone", "messages": '
                    '[{"role": "user", "content": "hi"}]}}'
                ]
            )
        )
        assert time.monotonic() - began < 5.0
        assert (await place.get(f"{JOBS}/{job_id}"))["state"] == "running"
    await gone(pid)
