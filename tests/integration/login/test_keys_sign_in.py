"""Somebody signs in with a key: a session that is the key's, and no longer than it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient, Response
from redis.asyncio import Redis

from coe_client import AsyncCoe, NotFoundError
from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.login.throttle import Throttle
from orchestrator.tenants.access import SESSION_COOKIE
from orchestrator.tenants.keys import Role
from router import Category, HashingEmbedder, Taxonomy, build_router

ROUTER = build_router(
    Taxonomy((Category("general", "General", "All."),)), HashingEmbedder(), name="test"
)
HERE = "http://127.0.0.1:8400"
OURS = {"origin": HERE}


@pytest.fixture
async def services(postgres_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        yield services


def browser_of(services: Services, address: str = "127.0.0.1") -> AsyncClient:
    transport = ASGITransport(
        create_app(services), raise_app_exceptions=False, client=(address, 1234)
    )
    return AsyncClient(transport=transport, base_url=HERE, headers={"user-agent": "A browser"})


@pytest.fixture
async def http(services: Services) -> AsyncIterator[AsyncClient]:
    async with browser_of(services) as client:
        yield client


async def made(services: Services, role: Role = Role.ADMIN, **more: object) -> tuple[str, str]:
    record, key = await services.keys.create(
        name=f"the {role}",
        role=role,
        created_by="test",
        **more,  # type: ignore[arg-type]
    )
    return record.id, key


async def sign_in(http: AsyncClient, key: str, **headers: str) -> Response:
    return await http.post("/login/key", json={"key": key}, headers=headers)


async def secret_of(http: AsyncClient, key: str) -> str:
    assert (await sign_in(http, key)).status_code == 204
    secret = http.cookies[SESSION_COOKIE]
    http.cookies.clear()
    return secret


async def role_of(http: AsyncClient, secret: str) -> str | int:
    answer = await http.get("/admin/api/me", headers={"authorization": f"Bearer {secret}"})
    return str(answer.json()["role"]) if answer.is_success else answer.status_code


def code_of(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_a_session_is_the_keys_until_signing_out(
    services: Services, http: AsyncClient
) -> None:
    key_id, key = await made(services, tenant="acme", experts=["ada"], policies=["economy"])
    answer = await sign_in(http, key)
    assert (answer.status_code, answer.content) == (204, b"")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    me = (await http.get("/admin/api/me")).json()
    asked = (await http.get("/admin/api/me", headers={"authorization": f"Bearer {key}"})).json()
    session = me.pop("session_id")
    assert session.startswith("ses_")
    assert asked.pop("session_id") is None
    lasts = datetime.fromisoformat(me.pop("expires_at")) - datetime.now(UTC)
    assert timedelta(hours=11) < lasts < timedelta(hours=13)
    assert asked.pop("expires_at") is None
    assert me == asked
    assert me["id"] == key_id

    assert code_of(await http.post("/login/logout")) == (401, "missing_api_key"), "by whom?"
    assert (await http.post("/login/logout", headers=OURS)).status_code == 204
    assert SESSION_COOKIE not in http.cookies
    entries = [link.entry for link in await services.audit.page(10)]
    assert [(e.event, e.action, e.actor) for e in entries] == [
        ("done", "sign in", key_id),
        ("done", "sign out", key_id),
    ]
    assert key not in str(entries)


async def test_its_secret_is_a_bearer_token_too(services: Services, http: AsyncClient) -> None:
    _, key = await made(services, Role.EDITOR)
    secret = await secret_of(http, key)
    bearer = {"authorization": f"Bearer {secret}"}
    assert await role_of(http, secret) == "editor"
    assert (await http.get("/admin/api/experts", headers=bearer)).status_code == 200
    assert code_of(await http.get("/admin/api/keys", headers=bearer)) == (403, "insufficient_role")
    assert code_of(await sign_in(http, secret)) == (401, "invalid_api_key"), "no key, no session"
    assert (await http.post("/login/logout", headers=bearer)).status_code == 204
    assert await role_of(http, secret) == 401
    assert (await http.post("/login/logout", headers=bearer)).status_code == 204, "it is over"
    key_sent = {"authorization": f"Bearer {key}"}
    assert code_of(await http.post("/login/logout", headers=key_sent)) == (400, "invalid_request")


async def test_it_ends_with_its_key(services: Services, http: AsyncClient) -> None:
    revoked, key = await made(services)
    secret = await secret_of(http, key)
    await services.keys.revoke(revoked)
    assert await role_of(http, secret) == 401
    assert code_of(await sign_in(http, key)) == (401, "invalid_api_key")

    soon = datetime.now(UTC) + timedelta(minutes=5)
    _, key = await made(services, expires_at=soon)
    answer = await sign_in(http, key)
    assert 290 <= int(answer.headers["set-cookie"].split("Max-Age=")[1].split(";")[0]) <= 300
    owner = services.keys.find(http.cookies[SESSION_COOKIE])
    owner = owner or await services.keys.find_fresh(http.cookies[SESSION_COOKIE])
    assert owner is not None
    assert owner.expires_at is not None
    assert owner.expires_at <= soon

    _, key = await made(services, tenant="acme")
    secret = await secret_of(http, key)
    assert await role_of(http, secret) == "admin"
    await services.tenants.put("acme", {"suspended": True})
    assert await role_of(http, secret) == 401


async def test_it_ends_with_the_secret_it_was_begun_with(
    services: Services, http: AsyncClient
) -> None:
    """Whoever gives a key that was seen by others a new secret shuts those out who are signed in."""
    key_id, key = await made(services)
    secret = await secret_of(http, key)
    await services.keys.rotate(key_id, timedelta(hours=1))
    assert await role_of(http, secret) == "admin"
    await services.keys.rotate(key_id, timedelta(0))
    assert await role_of(http, secret) == 401
    assert await services.login.listed.page(10) == ([], 0)


async def test_its_cookie_is_for_https_where_people_use_it(
    services: Services, http: AsyncClient
) -> None:
    _, key = await made(services)
    for headers, secure in (
        ({"x-forwarded-proto": "https"}, True),
        ({"x-forwarded-proto": "https, http"}, True),
        ({"forwarded": 'for=192.0.2.1;proto="https";host=x'}, True),
        ({"x-forwarded-proto": "http"}, False),
        ({"forwarded": "for=192.0.2.1;proto=http, proto=https"}, False),
    ):
        answer = await sign_in(http, key, **headers)
        assert ("Secure" in answer.headers["set-cookie"]) is secure, headers


async def test_another_site_signs_nobody_in(services: Services, http: AsyncClient) -> None:
    _, key = await made(services)
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert code_of(await sign_in(http, key, **headers)) == (403, "foreign_page")
    for headers in ({"sec-fetch-site": "same-origin"}, OURS, {}):
        assert (await sign_in(http, key, **headers)).status_code == 204


async def test_what_is_no_key_is_refused_and_not_repeated(http: AsyncClient) -> None:
    for body in ({}, {"key": 1}, {"key": ""}, {"key": "x" * 300}, {"kee": "x"}):
        answer = await http.post("/login/key", json=body)
        assert code_of(answer) == (400, "invalid_request"), body
        assert "xxx" not in answer.text


async def test_ways_without_a_provider(http: AsyncClient) -> None:
    assert (await http.get("/login/ways")).json() == {"key": True, "oidc": None}
    assert code_of(await http.get("/login")) == (404, "login_not_configured")


async def test_who_guesses_is_stopped_by_address(services: Services, http: AsyncClient) -> None:
    _, key = await made(services)
    for _ in range(20):
        assert (await sign_in(http, key)).status_code == 204
    statuses = [(await sign_in(http, f"sk-coe-{n}")).status_code for n in range(8)]
    assert statuses == [401] * 6 + [429] * 2, "20 that succeeded left place for 6 that failed"
    refused = await sign_in(http, key)
    assert code_of(refused) == (429, "too_many_sign_ins")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    async with browser_of(services, "192.0.2.7") as elsewhere:
        assert (await sign_in(elsewhere, key)).status_code == 204
    failed = [
        link.entry for link in await services.audit.page(100) if link.entry.event == "refused"
    ]
    assert len(failed) == 6
    assert {(e.actor, e.address) for e in failed} == {("unknown", "127.0.0.1")}


async def test_without_redis_each_counts_by_itself() -> None:
    now = 0.0
    async with Redis.from_url("redis://127.0.0.1:1") as nowhere:
        throttle = Throttle(nowhere, clock=lambda: now, pause=0.0)
        waits = []
        for _ in range(11):
            waits.append(await throttle.take("192.0.2.1"))
            await throttle.failed("192.0.2.1")
        assert waits == [0] * 10 + [60]
        assert await throttle.take("192.0.2.2") == 0
        now = 61.0
        for _ in range(55):
            assert await throttle.take("192.0.2.1") == 0
            await throttle.succeeded("192.0.2.1")


async def test_a_minute_that_ends_during_an_attempt_leaves_nothing(redis: Redis) -> None:
    throttle = Throttle(redis)
    await throttle.succeeded("2001:db8::1")
    assert await redis.get("coe:login:2001:db8::") == b"0"
    assert 0 < await redis.ttl("coe:login:2001:db8::") <= 60


async def test_who_is_signed_in_and_out_again(services: Services, http: AsyncClient) -> None:
    admin_id, key = await made(services)
    mine = await secret_of(http, key)
    _, other = await made(services, Role.USER, tenant="acme")
    theirs = await secret_of(http, other)
    client = AsyncCoe(base_url=HERE, api_key=mine, http_client=http)
    listed = [session async for session in client.sessions.list(page_size=1)]
    assert [(s.way, s.name, s.tenant, s.role, s.current) for s in listed] == [
        ("key", "the user", "acme", "user", False),
        ("key", "the admin", "default", "admin", True),
    ]
    assert listed[1].actor == admin_id
    assert listed[0].address == "127.0.0.1"
    assert listed[0].agent == "A browser"
    assert [s.name async for s in client.sessions.list(q="THE U")] == ["the user"]
    assert [s.name async for s in client.sessions.list(tenant="default")] == ["the admin"]
    assert [s async for s in client.sessions.list(q="%")] == []

    assert await role_of(http, theirs) == "user"
    await services.keys.sightings.flush()
    used = {s.name: s.last_used_at async for s in client.sessions.list()}
    assert all(used.values())
    await client.sessions.end(listed[0].id)
    assert await role_of(http, theirs) == 401
    with pytest.raises(NotFoundError):
        await client.sessions.end(listed[0].id)
    assert [s.current async for s in client.sessions.list()] == [True]


async def test_the_oldest_of_very_many_sessions_end(
    services: Services, http: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.login.sessions._MOST", 2)
    _, key = await made(services)
    secrets = [await secret_of(http, key) for _ in range(3)]
    await services.keys.refresh()
    assert [await role_of(http, secret) for secret in secrets] == [401, "admin", "admin"]
