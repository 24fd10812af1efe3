"""Evaluations as jobs: every question asked and paid for once, whoever died in between."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import sqlalchemy as sa

from experts.providers.scripted_server import ScriptedServer
from orchestrator.jobs.tables import items, jobs
from tests.integration.jobs.conftest import Place
from tests.integration.jobs.test_exports import JOBS, ended, started

ENTRY = {"model": "any", "price": {"input": 1.0, "output": 1.0}}


def graded(count: int) -> list[str]:
    """Return prompts whose right answer is 4."""
    return [
        json.dumps(
            {
                "id": f"g{n}",
                "prompt": f"2 + 2, {n}?",
                "target": "4",
                "category": "sums",
                "grader": "exact",
            }
        )
        for n in range(count)
    ]


def open_ended(count: int) -> list[str]:
    """Return prompts that only a judge can grade the answers to."""
    return [
        json.dumps({"id": f"o{n}", "prompt": f"A poem, {n}.", "category": "poems"})
        for n in range(count)
    ]


async def asked(server: ScriptedServer) -> None:
    """Return once somebody has asked an expert."""
    async with asyncio.timeout(20):
        while True:
            if server.ledger.requests:
                return
            await asyncio.sleep(0.01)


async def files_of(place: Place, job: dict[str, Any]) -> dict[str, str]:
    """Return the files that a job has made by their names."""
    found = {}
    for file in job["result"]["files"]:
        answer = await place.client.get(f"{JOBS}/{job['id']}/files/{file['name']}")
        assert answer.status_code == 200
        found[file["name"]] = answer.text
    return found


async def test_experts_are_asked_graded_and_judged(place: Place) -> None:
    right = await place.expert("fixed:4", "right")
    wrong = await place.expert("fixed:5", "wrong")
    judge = await place.expert("fixed:[[A]]", "judge")
    file_id = await place.upload([*graded(4), *open_ended(2)])
    async with place.worker():
        job = await ended(
            place, await started(place, "evaluation", input_file_id=file_id, judges=["judge"])
        )
    assert job["state"] == "finished", job
    result = job["result"]
    assert (result["answers"], result["verdicts"], result["complete"]) == (12, 4, True)
    counts = [len(server.ledger.requests) for server in (right, wrong, judge)]
    assert counts == [6, 6, 4]
    assert job["progress"] == {"total": 16, "completed": 16, "failed": 0, "dropped": 0}
    usage = await place.usage()
    assert {row["api"] for row in usage} == {"evaluations"}
    assert len(usage) == 16
    cost = sum(row["cost_nanos"] for row in usage) / 1e9
    assert cost == job["cost_usd"] == result["usd"] > 0
    files = await files_of(place, job)
    assert {"scores.jsonl", "report.json", "report.html", "answers.jsonl"} <= files.keys()
    scores = {row["id"]: row for row in map(json.loads, files["scores.jsonl"].splitlines())}
    assert scores["g0"]["scores"] == {"right": 1.0, "wrong": 0.0}
    assert len(scores["o0"]["comparisons"]) == 2
    assert len(files["answers.jsonl"].splitlines()) == 16


async def test_a_budget_is_used_up_and_never_more(place: Place) -> None:
    """Questions are let in by the most that they can come to, round by round as others cost less."""
    await place.expert("fixed:4", "one")
    file_id = await place.upload(graded(12))
    more = {"input_file_id": file_id, "max_tokens": 100, "max_usd": 0.0006}
    async with place.worker():
        job = await ended(place, await started(place, "evaluation", **more))
        none = await ended(place, await started(place, "evaluation", **{**more, "max_usd": 0}))
    answers = job["result"]["answers"]
    assert job["state"] == "finished", job
    assert 2 < answers < 12
    assert not job["result"]["complete"]
    assert job["cost_usd"] <= 0.0006
    assert (none["result"]["answers"], none["cost_usd"]) == (0, 0)


async def test_nothing_is_paid_twice_when_a_worker_dies_and_what_failed_is_asked_again(
    place: Place,
) -> None:
    good = await place.expert("fixed:4", "good")
    bad = await place.expert("refuse", "bad")
    file_id = await place.upload(graded(3))
    job_id = await started(place, "evaluation", input_file_id=file_id)
    async with place.worker() as worker:
        await asked(good)
        worker.dispatcher.drop()  # as if it had died
    async with place.worker():
        job = await ended(place, job_id)
        assert (job["state"], job["result"]["asked_in_vain"]) == ("finished", 3)
        paid = [row for row in await place.usage() if row["expert"] == "good"]
        assert len(paid) == 3, "though what was under way is asked again"
        before, asked_before = len(bad.ledger.requests), len(good.ledger.requests)
        answer = await place.client.post(f"{JOBS}/{job_id}/requeue", json={})
        assert answer.json()["requeued"] == 3
        job = await ended(place, job_id)
    assert len(good.ledger.requests) == asked_before
    assert len(bad.ledger.requests) > before
    assert (job["state"], job["result"]["answers"]) == ("finished", 3)


async def test_what_cannot_be_asked_is_refused(place: Place) -> None:
    await place.expert("fixed:4", "one")
    await place.expert("echo", "vectors", capabilities=["embeddings"])
    file_id = await place.upload(graded(1))
    wrong: list[tuple[str, Any]] = [
        ("experts", ["nobody"]),
        ("judges", ["vectors"]),
        ("against", "nobody"),
        ("input_file_id", "file-" + "0" * 32),
        ("repeat", 0),
        ("max_usd", -1),
    ]
    for field, value in wrong:
        body = {"kind": "evaluation", "input_file_id": file_id, field: value}
        answer = await place.client.post(JOBS, json=body)
        assert answer.status_code in {400, 404}, field
        assert field in str(answer.json()["error"]["param"])


async def test_prompts_that_cannot_be_graded_cost_nothing(place: Place) -> None:
    server = await place.expert("fixed:4", "one")
    for lines, said in (
        (["{"], "row 1"),
        (open_ended(1), "name a judge"),
        ([json.dumps({"prompt": "?", "target": "x", "grader": "magic", "category": "c"})], "magic"),
    ):
        file_id = await place.upload(lines)
        async with place.worker():
            job = await ended(place, await started(place, "evaluation", input_file_id=file_id))
        assert (job["state"], job["error_code"]) == ("failed", "evaluation_failed")
        assert said in job["error_message"]
    assert not server.ledger.requests


async def test_a_cancelled_evaluation_asks_nobody_any_more_and_goes_on_when_it_is_wanted(
    place: Place,
) -> None:
    await place.expert("fixed:4", "one")
    file_id = await place.upload(graded(3))
    job_id = await started(place, "evaluation", input_file_id=file_id)
    answer = await place.client.post(f"{JOBS}/{job_id}/cancel")
    assert answer.json()["state"] == "cancelled"
    async with place.worker():
        answer = await place.client.post(f"{JOBS}/{job_id}/requeue", json={"dropped": True})
        assert answer.status_code == 202, answer.text
        assert (await ended(place, job_id))["result"]["answers"] == 3
    async with place.services.engine.connect() as connection:
        count = sa.select(sa.func.count()).select_from(
            items.join(jobs, jobs.c.id == items.c.job_id)
        )
        assert await connection.scalar(count.where(items.c.state == "ok")) == 3
