"""Files: stored as they come, in pieces, and gone when they should be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from orchestrator.files.tables import chunks, files
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal, Role
from tests.integration.jobs.conftest import Place, request_line

SOMEBODY = Principal("key_1", "somebody", "default", Role.USER)


async def blocks(*given: bytes) -> AsyncIterator[bytes]:
    for block in given:
        yield block


async def count(place: Place, table: sa.Table) -> int:
    async with place.services.engine.connect() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ((b"one\ntwo\n",), 2),
        ((b"one\n", b"two"), 2),
        ((b"x" * 700_000, b"y" * 700_000 + b"\n", b"z" * 1_500_000), 2),
        ((), 0),
    ],
)
async def test_a_file_comes_back_as_it_was(
    place: Place, given: tuple[bytes, ...], lines: int
) -> None:
    service = place.services.files
    row = await service.upload(SOMEBODY, "a.jsonl", "batch", blocks(*given))
    whole = b"".join(given)
    assert (row["bytes"], row["lines"]) == (len(whole), lines)
    assert b"".join([piece async for piece in service.content(row)]) == whole
    assert await count(place, chunks) == -(-len(whole) // (1 << 20))
    await service.delete(SOMEBODY, row["id"])
    assert await count(place, chunks) == 0


async def test_a_tenant_keeps_no_more_than_it_may(place: Place) -> None:
    service = replace(place.services.files, most_bytes=100)
    await service.upload(SOMEBODY, "a", "batch", blocks(b"x" * 60))
    with pytest.raises(ApiError) as caught:
        await service.upload(SOMEBODY, "b", "batch", blocks(b"x" * 60))
    assert (caught.value.status, caught.value.code) == (413, "files_too_large")
    other = replace(SOMEBODY, tenant="other")
    await place.as_tenant("other")
    await service.upload(other, "c", "batch", blocks(b"x" * 60))
    assert await count(place, files) == 2


async def test_an_upload_that_breaks_off_leaves_nothing(place: Place) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await place.services.files.upload(SOMEBODY, "a", "batch", broken())
    assert (await count(place, files), await count(place, chunks)) == (0, 0)


async def test_a_file_that_a_batch_has_to_read_stays(place: Place) -> None:
    batch_id = await place.batch([request_line("one")])
    file_id = (await place.get(f"/v1/batches/{batch_id}"))["input_file_id"]
    refused = await place.client.delete(f"/v1/files/{file_id}")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "file_in_use"
    await place.client.post(f"/v1/batches/{batch_id}/cancel")
    assert (await place.client.delete(f"/v1/files/{file_id}")).status_code == 200


async def test_a_batch_whose_file_is_gone_fails(place: Place) -> None:
    batch_id = await place.batch([request_line("one")])
    async with place.services.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM files")
    async with place.worker():
        batch = await place.over(batch_id)
    assert [one["code"] for one in batch["errors"]["data"]] == ["empty_file"]
