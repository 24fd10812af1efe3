"""Webhooks: signed so that an independent reader of the specification accepts them, and persistent."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import sqlalchemy as sa
from aiohttp import web
from cryptography.fernet import InvalidToken
from pydantic import SecretStr

from experts.catalogue.expert import SecretRef
from experts.providers.scripted_server import ScriptedServer
from orchestrator.bootstrap import open_services
from orchestrator.runs.tables import deliveries, webhooks
from tests.integration.runs.conftest import ROUTER, MakeWorker, Place, eventually, ten_steps

AddExpert = Callable[..., Awaitable[ScriptedServer]]


def verify(secret: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Check a message as the specification tells a receiver to, and return what it says."""
    assert secret.startswith("whsec_")
    key = base64.b64decode(secret[len("whsec_") :])
    stamp = headers["webhook-timestamp"]
    assert abs(time.time() - int(stamp)) < 300
    wanted = hmac.new(
        key, b".".join((headers["webhook-id"].encode(), stamp.encode(), body)), "sha256"
    )
    for signature in headers["webhook-signature"].split(" "):
        version, _, value = signature.partition(",")
        if version == "v1" and hmac.compare_digest(base64.b64decode(value), wanted.digest()):
            return dict(json.loads(body))
    raise AssertionError("no signature is right")


@dataclass
class Receiver:
    """A server that is told of runs."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((headers, await request.read()))
        status = self.statuses.pop(0) if self.statuses else 204
        return web.Response(status=status, headers={"location": self.url} if status == 302 else {})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/told", receiver.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/told?by=us"
    yield receiver
    await runner.cleanup()


async def hook(place: Place, url: str) -> dict[str, Any]:
    answer = await place.client.post("/v1/webhooks", json={"url": url})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def listed(place: Place, webhook: str) -> list[dict[str, Any]]:
    answer = await place.client.get(f"/v1/webhooks/{webhook}/deliveries")
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def tried(place: Place, webhook: str) -> dict[str, Any]:
    """Return the message to a webhook once an attempt has failed."""
    for _ in range(1000):
        message = (await listed(place, webhook))[0]
        if message["last_problem"] is not None:
            return message
        await asyncio.sleep(0.01)
    raise AssertionError("nothing was tried")


async def test_the_end_of_a_run_is_told_and_signed(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert, receiver: Receiver
) -> None:
    await add_expert(ten_steps())
    await make_worker()
    made = await hook(place, receiver.url)
    run = await place.until(await place.start(webhook=made["id"]))
    await eventually(lambda: len(receiver.got) == 1)
    headers, body = receiver.got[0]
    said = verify(made["secret"], headers, body)
    assert said["type"] == "run.finished"
    assert (said["data"]["id"], said["data"]["answer"]) == (run["id"], "the sum is 10")
    with pytest.raises(AssertionError, match="no signature"):
        verify(made["secret"], headers, body + b" ")
    with pytest.raises(AssertionError, match="no signature"):
        verify("whsec_" + base64.b64encode(b"x" * 32).decode(), headers, body)


@pytest.mark.parametrize("status", [500, 302, 404])
async def test_a_message_that_does_not_arrive_is_sent_again_with_the_same_id(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert, receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    await add_expert(ten_steps())
    await make_worker()
    made = await hook(place, receiver.url)
    await place.until(await place.start(webhook=made["id"]))
    await eventually(lambda: len(receiver.got) == 1)
    failed = await tried(place, made["id"])
    assert (failed["last_status"], failed["delivered_at"]) == (status, None)
    assert failed["next_at"] is not None
    async with place.services.engine.begin() as connection:
        await connection.execute(sa.update(deliveries).values(next_at=sa.func.now()))
    await eventually(lambda: len(receiver.got) == 2)
    assert receiver.got[0][0]["webhook-id"] == receiver.got[1][0]["webhook-id"]
    again = await place.client.post(
        f"/v1/webhooks/{made['id']}/deliveries/{failed['id']}/redeliver"
    )
    assert again.status_code == 200
    await eventually(lambda: len(receiver.got) == 3)
    verify(made["secret"], *receiver.got[2])
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


async def test_a_run_that_waits_tells_it(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert, receiver: Receiver
) -> None:
    await add_expert({"turns": ["<python>print(1)</python>", "<answer>1</answer>"]})
    await make_worker()
    made = await hook(place, receiver.url)
    run_id = await place.start(webhook=made["id"], approval=["python"])
    await eventually(lambda: len(receiver.got) == 1)
    said = verify(made["secret"], *receiver.got[0])
    assert (said["type"], said["data"]["id"], said["data"]["status"]) == (
        "run.waiting", run_id, "waiting",
    )  # fmt: skip


async def test_a_private_address_is_refused_when_it_is_stored_and_when_it_is_called(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert, receiver: Receiver
) -> None:
    """The setting is the service's; a worker that is stricter does not send what is stored."""
    await add_expert(ten_steps())
    made = await hook(place, receiver.url)
    await make_worker(webhook_private_addresses="")
    await place.until(await place.start(webhook=made["id"]))
    failed = await tried(place, made["id"])
    assert "https" in failed["last_problem"]
    assert receiver.got == []


async def test_secrets_are_stored_encrypted(place: Place) -> None:
    made = await hook(place, "https://example.com/told")
    async with place.services.engine.connect() as connection:
        stored = bytes((await connection.execute(sa.select(webhooks.c.secret))).scalar_one())
    raw = base64.b64decode(made["secret"].removeprefix("whsec_"))
    assert made["secret"].encode() not in stored
    assert raw not in base64.urlsafe_b64decode(stored)
    assert place.services.secrets.unseal(made["id"], stored) == made["secret"]


async def test_webhooks_belong_to_their_tenant(place: Place, add_expert: AddExpert) -> None:
    await add_expert(ten_steps())
    ours, theirs = await place.as_tenant("ours"), await place.as_tenant("theirs")
    made = (await ours.post("/v1/webhooks", json={"url": "https://example.com"})).json()
    assert [w["id"] for w in (await ours.get("/v1/webhooks")).json()["data"]] == [made["id"]]
    assert "secret" not in (await ours.get("/v1/webhooks")).json()["data"][0]
    assert (await theirs.get("/v1/webhooks")).json()["data"] == []
    assert (await theirs.delete(f"/v1/webhooks/{made['id']}")).status_code == 404
    assert (await theirs.get(f"/v1/webhooks/{made['id']}/deliveries")).status_code == 404
    answer = await theirs.post("/v1/runs", json={"task": "x", "webhook": made["id"]})
    assert answer.json()["error"]["code"] == "unknown_webhook"
    assert (await ours.delete(f"/v1/webhooks/{made['id']}")).status_code == 204
    assert (await ours.get("/v1/webhooks")).json()["data"] == []


async def test_the_key_that_encrypts_secrets_can_be_replaced(place: Place) -> None:
    """A start with the new key before the old one encrypts anew; the old one is needed no more."""
    made = await hook(place, "https://example.com/told")
    gone = await hook(place, "https://example.com/gone")
    await place.client.delete(f"/v1/webhooks/{gone['id']}")
    await place.services.secrets.put("a.key", "the value", by="test")
    old, new = place.settings.secret_key.get_secret_value(), "b" * 43 + "="  # type: ignore[union-attr]

    async def opened(*keys: str) -> tuple[str, str]:
        settings = place.settings.model_copy(update={"secret_key": SecretStr(",".join(keys))})
        async with open_services(settings, place.urls, ROUTER, {}) as services:
            async with services.engine.connect() as connection:
                query = sa.select(webhooks.c.secret).where(webhooks.c.id == made["id"])
                stored = bytes((await connection.execute(query)).scalar_one())
            secret = services.secrets.unseal(made["id"], stored)
            return secret, services.secrets.resolve(SecretRef(stored="a.key"))

    for keys in ((old, new), (new, old), (new, old), (new,)):
        assert await opened(*keys) == (made["secret"], "the value")
    with pytest.raises(InvalidToken):
        await opened(old)
