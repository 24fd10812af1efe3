"""Router versions over HTTP and through the SDK."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient, Response

from coe_client import AsyncCoe, BadRequestError, ConflictError, NotFoundError
from experts.catalogue.expert import Expert
from orchestrator.tenants.keys import Role
from router.artifact import FORMAT, pack, seal, unpack
from tests.integration.routers.conftest import BUILT_IN, Replica, artifact_bytes

ROUTERS = "/admin/api/routers"
BINARY = {"content-type": "application/octet-stream"}


def error_of(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["request_id"] == response.headers["x-coe-request-id"]
    return error


async def upload(client: AsyncClient, data: bytes, note: str = "") -> Response:
    params = {"note": note} if note else {}
    return await client.post(ROUTERS, content=data, headers=BINARY, params=params)


@pytest.fixture
def coe(replica: Replica) -> AsyncCoe:
    key = replica.client.headers["authorization"].removeprefix("Bearer ")
    return AsyncCoe(base_url="http://test", api_key=key, http_client=replica.client)


async def test_the_built_in_router_is_listed_and_active_when_none_is(replica: Replica) -> None:
    listed = (await replica.client.get(ROUTERS)).json()
    assert [(one["id"], one["status"], one["built_in"]) for one in listed["data"]] == [
        ("starter", "active", True)
    ]
    shown = (await replica.client.get(f"{ROUTERS}/starter")).json()
    assert [category["id"] for category in shown["categories"]] == list(BUILT_IN.taxonomy.ids)
    error_of(await replica.client.get(f"{ROUTERS}/starter/report"), 404)


async def test_the_life_of_a_version_through_the_sdk(coe: AsyncCoe, replica: Replica) -> None:
    first = await coe.routers.upload(artifact_bytes("first"), note="the first")
    assert (first.status, first.note, first.experts) == ("candidate", "the first", ["ada"])
    assert first.content_hash == unpack(artifact_bytes("first")).content_hash
    assert (await coe.routers.upload(artifact_bytes("first"))).id == first.id
    shown = await coe.routers.get(first.id)
    assert [category["id"] for category in shown.categories] == ["math", "law", "general"]
    assert (shown.scores, shown.missing_experts) == ({"math": {"ada": 0.9}}, [])
    assert (await coe.routers.report(first.id))["n"] == 12
    assert (await coe.routers.promote(first.id)).status == "active"
    assert (await coe.router.get()).id == first.id
    second = await coe.routers.upload(artifact_bytes("second"))
    assert (await coe.routers.canary(second.id, share=0.25)).share == 0.25
    tried = await coe.router.get()
    assert tried.canary is not None
    assert (tried.canary.id, tried.canary.share, tried.shadow) == (second.id, 0.25, None)
    assert (await coe.routers.shadow(second.id, share=1.0)).status == "shadow"
    assert (await coe.router.get()).canary is None
    listed = [(one.id, one.status) async for one in coe.routers.list(page_size=1)]
    assert listed == [(second.id, "shadow"), (first.id, "active"), ("starter", "candidate")]
    assert (await coe.routers.rollback()).id == "starter"
    assert (await coe.routers.retire(second.id)).status == "retired"
    with pytest.raises(ConflictError, match="No router version was active before"):
        await coe.routers.rollback()
    with pytest.raises(NotFoundError):
        await coe.routers.promote("rv_nobody")


async def test_a_new_upload_is_201_and_a_known_one_200(replica: Replica) -> None:
    assert (await upload(replica.client, artifact_bytes("one"), "a note")).status_code == 201
    assert (await upload(replica.client, artifact_bytes("one"), "another")).status_code == 200


async def test_a_report_as_a_page_holds_no_markup_of_the_artefact(
    coe: AsyncCoe, replica: Replica
) -> None:
    stored = await coe.routers.upload(artifact_bytes("one"))
    answer = await replica.client.get(f"{ROUTERS}/{stored.id}/report", params={"format": "html"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script" not in answer.text
    assert await coe.routers.report_page(stored.id) == answer.text
    bare = await coe.routers.upload(artifact_bytes("bare", report=None))
    missing = await replica.client.get(f"{ROUTERS}/{bare.id}/report")
    assert error_of(missing, 404)["code"] == "router_report_not_found"


def _damaged(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _newer(data: bytes) -> bytes:
    return data.replace(b'"format": %d' % FORMAT, b'"format": %d' % (FORMAT + 1))


def _with_nan(data: bytes) -> bytes:
    return data[:-16] + b"\x00\x00\xc0\x7f" * 4


def _huge_header(data: bytes) -> bytes:
    return data[:8] + (2**62).to_bytes(8, "little") + data[16:]


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _huge_tensor_header(data: bytes) -> bytes:
    """Claim a header of tensors that is longer than memory, under a hash that is right."""
    manifest, _ = _parts(data)
    return _assembled(manifest, (2**62).to_bytes(8, "little") + b"{}")


def _nan_under_its_hash(data: bytes) -> bytes:
    manifest, tensors = _parts(data)
    return _assembled(manifest, tensors[:-16] + b"\x00\x00\xc0\x7f" * 4)


def _deep(data: bytes) -> bytes:
    """Nest the manifest deeper than a parser can go."""
    manifest = b'{"format": 1, "deep": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    return data[:8] + len(manifest).to_bytes(8, "little") + manifest + _parts(data)[1]


def _parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(data[8:16], "little")
    return json.loads(data[16 : 16 + length]), data[16 + length :]


def _assembled(manifest: dict[str, Any], tensors: bytes) -> bytes:
    """Put an artefact together whose hash fits, whatever is in it."""
    manifest.pop("content_hash", None)

    def written() -> bytes:
        return json.dumps(manifest, sort_keys=True).encode()

    digest = hashlib.sha256(written() + b"\0" + tensors).hexdigest()
    manifest["content_hash"] = digest
    return b"COEROUT1" + len(written()).to_bytes(8, "little") + written() + tensors


def test_the_poison_is_what_it_says() -> None:
    data = artifact_bytes("good")
    assert _assembled(*_parts(data)) == data


@pytest.mark.parametrize(
    "poison",
    [
        _huge_tensor_header,
        _nan_under_its_hash,
        _deep,
        lambda _: artifact_bytes("x", report={"deep": _nested(60)}),
        lambda _: b"",
        lambda _: b"not an artefact at all",
        lambda data: data[: len(data) // 2],
        _damaged,
        _newer,
        _with_nan,
        _huge_header,
        lambda _: artifact_bytes("x", breaks=True),
        lambda _: artifact_bytes("x", experts_=1, categories=[1]),
        lambda _: artifact_bytes("x", policies=[]),
        lambda _: artifact_bytes("x", report={"text": "nul \x00"}),
        lambda _: artifact_bytes("x", report={"text": "half \ud800"}),
        lambda _: artifact_bytes("nul \x00"),
        lambda _: artifact_bytes("n" * 300),
        lambda _: pack(seal({"experts": "ada", "name": "x"}, {})),
        lambda _: pack(seal({}, {})),
    ],
)
async def test_poisoned_artefacts_are_refused_whole(
    replica: Replica, poison: Callable[[bytes], bytes]
) -> None:
    refused = error_of(await upload(replica.client, poison(artifact_bytes("good"))), 400)
    assert refused["code"] == "invalid_artifact"
    assert refused["message"]
    assert len((await replica.client.get(ROUTERS)).json()["data"]) == 1
    assert (await replica.decided_by()) == BUILT_IN.version


async def test_an_artefact_that_is_too_large_is_refused(replica: Replica) -> None:
    limit = replica.services.settings.max_artifact_bytes
    headers = {**BINARY, "content-length": str(limit + 1)}
    answer = await replica.client.post(ROUTERS, content=b"", headers=headers)
    assert "COE_MAX_ARTIFACT_BYTES" in error_of(answer, 413)["message"]
    more = replica.services.settings.max_body_bytes + 1
    body = await replica.client.post(ROUTERS, content=b"\x00" * more, headers=BINARY)
    assert error_of(body, 400)["code"] == "invalid_artifact"
    other = await replica.client.post("/admin/api/keys", content=b" " * more)
    assert "COE_MAX_BODY_BYTES" in error_of(other, 413)["message"]


async def test_a_version_that_lacks_experts_is_refused_by_name(
    replica: Replica, coe: AsyncCoe
) -> None:
    stored = await coe.routers.upload(artifact_bytes("needy", experts=("ada", "zed")))
    assert (await coe.routers.get(stored.id)).missing_experts == ["zed"]
    answer = await replica.client.post(f"{ROUTERS}/{stored.id}/promote")
    refused = error_of(answer, 409)
    assert refused["code"] == "router_experts_missing"
    assert "zed" in refused["message"]


async def test_roles(replica: Replica, coe: AsyncCoe) -> None:
    stored = await coe.routers.upload(artifact_bytes("one"))
    needed = {
        ("GET", ROUTERS): Role.VIEWER,
        ("GET", f"{ROUTERS}/{stored.id}"): Role.VIEWER,
        ("GET", f"{ROUTERS}/{stored.id}/comparison"): Role.VIEWER,
        ("POST", ROUTERS): Role.EDITOR,
        ("POST", f"{ROUTERS}/{stored.id}/shadow"): Role.EDITOR,
        ("POST", f"{ROUTERS}/{stored.id}/canary"): Role.ADMIN,
        ("POST", f"{ROUTERS}/{stored.id}/promote"): Role.ADMIN,
        ("POST", f"{ROUTERS}/rollback"): Role.ADMIN,
        ("POST", f"{ROUTERS}/{stored.id}/retire"): Role.ADMIN,
    }
    for role in Role:
        _, key = await replica.services.keys.create(name=role, role=role, created_by="test")
        headers = {"authorization": f"Bearer {key}"}
        for (method, path), least in needed.items():
            answer = await replica.client.request(method, path, headers=headers, json={})
            assert (answer.status_code == 403) == (not role.includes(least)), (role, path)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, "0.5", None, True])
async def test_shares_that_are_none(replica: Replica, coe: AsyncCoe, share: Any) -> None:
    stored = await coe.routers.upload(artifact_bytes("one"))
    path = f"{ROUTERS}/{stored.id}/canary"
    assert error_of(await replica.client.post(path, json={"share": share}), 400)["param"] == "share"


async def test_ids_that_cannot_be(replica: Replica) -> None:
    for name in ("nobody", "%00", "%ED%A0%80", "x" * 2000, "ü"):
        for action in ("", "/report", "/comparison"):
            assert error_of(await replica.client.get(f"{ROUTERS}/{name}{action}"), 404)
        for action in ("/promote", "/retire"):
            assert error_of(await replica.client.post(f"{ROUTERS}/{name}{action}"), 404)
    assert error_of(await replica.client.get(ROUTERS, params={"after": "a\x00"}), 400)


async def test_a_canary_decides_its_share_and_whole_sessions(
    replica: Replica, coe: AsyncCoe
) -> None:
    stored = await coe.routers.upload(artifact_bytes("canary"))
    await coe.routers.canary(stored.id, share=0.5)

    async def version(**headers: str) -> str:
        body = {"model": "coe", "messages": [{"role": "user", "content": "one and one"}]}
        answer = await replica.client.post("/v1/chat/completions", json=body, headers=headers)
        assert answer.status_code == 200
        return answer.headers["x-coe-router-version"]

    asked = [await version() for _ in range(100)]
    assert set(asked) == {stored.version, BUILT_IN.version}
    assert 25 < asked.count(stored.version) < 75
    sessions = {
        f"session-{n}": await version(**{"x-coe-session": f"session-{n}"}) for n in range(20)
    }
    assert set(sessions.values()) == {stored.version, BUILT_IN.version}
    for name, decided in sessions.items():
        assert await version(**{"x-coe-session": name}) == decided
    # Who asks for a policy that the canary does not have is the active router's.
    partial = await coe.routers.upload(artifact_bytes("partial", policies=["balanced"]))
    await coe.routers.canary(partial.id, share=1.0)
    body = {"input": "x", "model": "coe-quality"}
    answer = await replica.client.post("/v1/route", json=body)
    assert answer.json()["router_version"] == BUILT_IN.version
    assert await version() == partial.version


async def test_a_shadow_decides_unused_and_is_compared(replica: Replica, coe: AsyncCoe) -> None:
    tags = Expert(id="counsel", provider="scripted", model="echo", tags=frozenset({"law"}))
    await replica.services.catalogue.create(tags, by="test")
    stored = await coe.routers.upload(artifact_bytes("shadow"))
    await coe.routers.shadow(stored.id, share=1.0)
    for text in ("About law.", "About law: sue", "About math."):
        body = {"model": "coe", "messages": [{"role": "user", "content": text}]}
        answer = await replica.client.post("/v1/chat/completions", json=body)
        assert answer.headers["x-coe-router-version"] == BUILT_IN.version
    await replica.services.shadows.flush()
    compared = await coe.routers.comparison(stored.id)
    assert compared.n == 3
    assert compared.same_category < 3
    assert sum(move.n for move in compared.moves) == compared.n - compared.same_expert
    assert replica.services.shadows.dropped == 0
    await coe.routers.retire(stored.id)
    await replica.decided_by()
    await replica.services.shadows.flush()
    assert (await coe.routers.comparison(stored.id)).n == 3


async def test_what_comes_is_bytes_whatever_it_is_called(replica: Replica) -> None:
    answer = await replica.client.post(ROUTERS, content=json.dumps({"a": 1}))
    assert error_of(answer, 400)["code"] == "invalid_artifact"


async def test_the_sdk_sends_bytes_as_such(coe: AsyncCoe) -> None:
    with pytest.raises(BadRequestError, match="not a router artefact"):
        await coe.routers.upload(b"nothing of the kind")
