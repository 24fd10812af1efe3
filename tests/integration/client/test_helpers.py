"""What is made of several requests: files with progress, batches from beginning to end, waiting."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from coe_client import APIConnectionError, AsyncCoe, Coe, NotFoundError
from coe_client.types import Batch
from tests.integration.client.loopback import Service

FILE = {"id": "file-1", "bytes": 6, "created_at": 1, "filename": "x", "purpose": "batch"}
COUNTS = {"total": 2, "completed": 1, "failed": 1}


def batch(status: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "batch_1",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": status,
        "created_at": 1,
        "request_counts": COUNTS,
        "coe": {"cost_usd": 0.0, "priority": 0, "unbegun": 0},
        **fields,
    }


def parts_of(form: bytes) -> dict[str, bytes]:
    boundary = b"\r\n" + form.partition(b"\r\n")[0]
    parts = (b"\r\n" + form).removesuffix(b"--\r\n").split(boundary)[1:]
    halves = (part.partition(b"\r\n\r\n") for part in parts)
    return {
        head.split(b'name="')[1].split(b'"')[0].decode(): body for head, _, body in halves if head
    }


def test_an_upload_tells_how_far_it_is(client: Coe, service: Service, tmp_path: Path) -> None:
    path = tmp_path / 'a "name".jsonl'
    path.write_bytes(b"x" * 600_000)
    service.will_answer(200, FILE)
    seen: list[tuple[int, int]] = []
    client.files.upload(path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(262_144, 600_000), (524_288, 600_000), (600_000, 600_000)]
    assert parts_of(service.seen[0].body) == {"purpose": b"batch", "file": b"x" * 600_000}
    assert b'filename="a _name_.jsonl"' in service.seen[0].body


async def test_an_upload_of_bytes_async(async_client: AsyncCoe, service: Service) -> None:
    service.will_answer(200, FILE)
    file = await async_client.files.upload(b"{}\n", name="a.jsonl", purpose="evals")
    assert file.id == "file-1"
    assert parts_of(service.seen[0].body) == {"purpose": b"evals", "file": b"{}\n"}


def test_an_upload_is_sent_again_whole(client: Coe, service: Service, pauses: list[float]) -> None:
    service.will_refuse(503)
    service.will_answer(200, FILE)
    client.files.upload(b"12345")
    first, second = (parts_of(seen.body)["file"] for seen in service.seen)
    assert first == second == b"12345"
    assert len(pauses) == 1


def test_a_download(client: Coe, service: Service, tmp_path: Path) -> None:
    service.will_answer(200, FILE)
    service.will_stream([b"abc", b"def"], kind="application/octet-stream")
    seen: list[tuple[int, int]] = []
    path = client.files.download(
        "file-1", tmp_path / "out.jsonl", progress=lambda done, total: seen.append((done, total))
    )
    assert path.read_bytes() == b"abcdef"
    assert seen[-1] == (6, 6)
    assert list(tmp_path.iterdir()) == [path]


async def test_a_download_that_breaks_off_is_not_taken_for_the_file(
    async_client: AsyncCoe, service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "out.jsonl"
    service.will_stream([b"abc"], kind="application/octet-stream", hang_up=True)
    with pytest.raises(APIConnectionError):
        await async_client.files.download("file-1", path)
    assert not path.exists()


def test_a_batch_from_beginning_to_end(client: Coe, service: Service, pauses: list[float]) -> None:
    service.will_answer(200, FILE)
    service.will_answer(200, batch("validating"))
    made = client.batches.submit({"a": {"model": "coe"}, "b": {"model": "bö"}}, priority=3)
    lines = [json.loads(line) for line in parts_of(service.seen[0].body)["file"].splitlines()]
    assert lines == [
        {"custom_id": "a", "method": "POST", "url": made.endpoint, "body": {"model": "coe"}},
        {"custom_id": "b", "method": "POST", "url": made.endpoint, "body": {"model": "bö"}},
    ]
    assert service.seen[1].body["coe"] == {"priority": 3}
    assert service.seen[1].body["input_file_id"] == "file-1"

    for status in ("validating", "in_progress", "in_progress", "completed"):
        service.will_answer(200, batch(status))
    told: list[Batch] = []
    done = client.batches.wait("batch_1", progress=told.append, every=0.3)
    assert done.over
    assert [one.status for one in told][-2:] == ["in_progress", "completed"]
    assert pauses == [0.1, 0.2, 0.3]

    service.will_answer(200, batch("completed", output_file_id="o", error_file_id="e"))
    good = {"custom_id": "a", "response": {"status_code": 200, "body": {"id": "x"}}, "error": None}
    bad = {"custom_id": "b", "response": None, "error": {"code": "batch_expired", "message": "no"}}
    text = json.dumps(good).encode() + b"\n"
    service.will_stream([text[:10], text[10:]], kind="application/octet-stream")
    service.will_stream([json.dumps(bad).encode()], kind="application/octet-stream")
    first, second = client.batches.results("batch_1")
    assert (first.custom_id, first.ok) == ("a", True)
    assert first.response is not None
    assert first.response.body == {"id": "x"}
    assert second.error is not None
    assert (second.ok, second.error.code) == (False, "batch_expired")


async def test_waiting_has_an_end_async(
    async_client: AsyncCoe, service: Service, pauses: list[float]
) -> None:
    for _ in range(2):
        service.will_answer(200, batch("in_progress"))
    with pytest.raises(TimeoutError, match="not over after 0"):
        await async_client.batches.wait("batch_1", within=0)
    assert pauses == []
    service.will_answer(200, {"id": "run_1", "status": "failed"})
    assert (await async_client.runs.wait("run_1")).ended
    with pytest.raises(NotFoundError):
        await async_client.jobs.wait("job_1")


def happening(number: int, kind: str = "step.delta") -> bytes:
    return b'id: %d\ndata: {"id": "%d", "type": "%s"}\n\n' % (number, number, kind.encode())


def test_events_of_a_run_go_on_where_they_broke_off(
    client: Coe, service: Service, pauses: list[float]
) -> None:
    service.will_stream([happening(1), happening(2) + happening(3)[:9]], hang_up=True)
    service.will_refuse(503)
    service.will_stream([happening(3)])  # ended in order, and the run has not
    service.will_stream([b": at work\n\n", happening(4), happening(5, "run.finished")])
    events = list(client.runs.events("run_1", after="0"))
    assert [event.id for event in events] == ["1", "2", "3", "4", "5"]
    assert [seen.query["after"] for seen in service.seen] == ["0", "2", "2", "3"]
    assert pauses == [0.2, 0.25, 0.2]


async def test_events_of_a_run_that_never_come_async(
    async_client: AsyncCoe, service: Service, pauses: list[float]
) -> None:
    for _ in range(9):
        service.will_stream([b": at work\n\n"])
    with pytest.raises(APIConnectionError, match="again and again"):
        [event async for event in async_client.runs.events("run_1")]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


async def test_leaving_events_early_gives_the_connection_back_async(
    async_client: AsyncCoe, service: Service
) -> None:
    for _ in range(3):
        service.will_stream([happening(1), happening(2)] * 50, pause=0.01)
        async with aclosing(async_client.runs.events("run_1")) as events:
            assert (await anext(events)).id == "1"
    pool = async_client._transport.http._transport._pool  # type: ignore[attr-defined]
    assert not [one for one in pool.connections if not one.is_idle() and not one.is_closed()]
