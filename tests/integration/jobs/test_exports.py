"""Exports as jobs: a file of usage records, written by a worker."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.files.tables import files
from orchestrator.jobs import repository
from orchestrator.jobs.turn import JobGone, Turn
from orchestrator.tenants.keys import Role
from tests.integration.jobs.conftest import Place, request_line

JOBS = "/admin/api/jobs"


async def started(place: Place, kind: str, **fields: Any) -> str:
    """Start a job; returns its id."""
    answer = await place.client.post(JOBS, json={"kind": kind, **fields})
    assert answer.status_code == 202, answer.text
    identifier: str = answer.json()["id"]
    return identifier


async def ended(place: Place, job_id: str, seconds: float = 20.0) -> dict[str, Any]:
    """Return a job once it has ended."""
    deadline = time.monotonic() + seconds
    while (found := await place.get(f"{JOBS}/{job_id}"))["finished_at"] is None:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


async def test_an_export_holds_what_was_used(place: Place) -> None:
    await place.expert("echo")
    async with place.worker():
        await place.over(await place.batch([request_line(f"r{n}") for n in range(5)]))
        job_id = await started(place, "export", usage={"tenant": "*"}, metadata={"month": "11"})
        job = await ended(place, job_id)
    assert (job["state"], job["kind"], job["metadata"]) == ("finished", "export", {"month": "11"})
    assert job["result"]["records"] == 5
    [file] = job["result"]["files"]
    answer = await place.client.get(f"{JOBS}/{job_id}/files/{file['name']}")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(answer.content) == file["bytes"]
    assert {row["request_id"] for row in rows} == {row["request_id"] for row in await place.usage()}
    missing = await place.client.get(f"{JOBS}/{job_id}/files/other.csv")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "file_not_found")


async def test_a_job_of_a_dead_worker_is_done_by_another(place: Place) -> None:
    """And one that has taken too many workers down with it by nobody, until somebody wants it again."""
    job_id = await started(place, "export")
    other_id = await started(place, "export")
    async with place.services.engine.begin() as connection:
        row = await repository.take(connection, "dead", ["training"], [])
        assert row is None
        row = await repository.take(connection, "dead", ["export"], [])
        assert row is not None
        assert row["id"] == job_id
        await connection.exec_driver_sql(
            "UPDATE jobs SET worker = 'dead', losses = 3 WHERE id = %(id)s", {"id": other_id}
        )
    async with place.worker():
        assert (await ended(place, job_id))["state"] == "finished"
        lost = await ended(place, other_id)
        assert (lost["state"], lost["error_code"]) == ("failed", "worker_lost")
        again = await place.client.post(f"{JOBS}/{other_id}/requeue", json={})
        job = again.json()["job"]
        assert (again.status_code, job["state"], job["error_code"]) == (202, "running", None)
        assert (await ended(place, other_id))["state"] == "finished"


async def test_what_a_worker_writes_that_was_thought_dead_is_seen_by_nobody(place: Place) -> None:
    job_id = await started(place, "export")
    kind = place.services.kinds["export"]
    async with place.services.engine.begin() as connection:
        job = await repository.take(connection, "slow", ["export"], [])
    assert job is not None
    async with place.worker():
        found = await ended(place, job_id)

    async def never(*_: Any) -> None:
        raise AssertionError("the job is another's")

    with pytest.raises(JobGone):
        await kind.run(job, Turn(place.services.engine, job, never, never))
    assert await place.get(f"{JOBS}/{job_id}") == found


async def test_what_is_exported_of_all_is_seen_by_no_tenant(place: Place) -> None:
    """Not even by keys of the operator's tenant that may only ask."""
    async with place.worker():
        job = await ended(place, await started(place, "export", usage={"tenant": "*"}))
    [file] = job["result"]["files"]
    key = place.services.keys
    async with place.services.engine.connect() as connection:
        tenant = await connection.scalar(
            sa.select(files.c.tenant).where(files.c.id == file["file_id"])
        )
    assert key is not None
    client = await place.as_tenant(str(tenant), Role.USER)
    assert (await client.get("/v1/files")).json()["data"] == []
    assert (await client.get(f"/v1/files/{file['file_id']}/content")).status_code == 404
    assert (await client.get(f"{JOBS}/{job['id']}/files/{file['name']}")).status_code == 403
    assert (await client.post(JOBS, json={"kind": "export"})).status_code == 403


async def test_what_cannot_be_had_is_refused(place: Place) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"kind": "export", "usage": {"start": "never"}}, "start"),
        ({"kind": "export", "usage": {"format": "xml"}}, "usage.format"),
        ({"kind": "export", "webhook": "wh_none"}, "webhook"),
        ({"kind": "import"}, "kind"),
        ({}, "kind"),
    ]
    for body, field in wrong:
        answer = await place.client.post(JOBS, json=body)
        assert answer.status_code in {400, 404}
        error = answer.json()["error"]
        assert field in f"{error['param']}: {error['message']}"
