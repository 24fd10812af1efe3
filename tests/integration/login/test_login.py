"""People sign in at a real provider, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx import ASGITransport, AsyncClient, Response
from joserfc import jwt
from joserfc.jwk import RSAKey

from orchestrator.app import create_app
from orchestrator.bootstrap import Services, open_services
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings, load_settings
from orchestrator.kit.stores.embedded import StoreUrls
from orchestrator.login.attempt import Attempt, Client
from orchestrator.login.errors import LoginFailed, ProviderAway
from orchestrator.login.provider import Provider
from orchestrator.tenants.access import SESSION_COOKIE
from router import Category, HashingEmbedder, Taxonomy, build_router

ROUTER = build_router(
    Taxonomy((Category("general", "General", "All."),)), HashingEmbedder(), name="test"
)
HERE = "http://127.0.0.1:8400"


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A small real provider with three people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from oidc_provider_mock import User, run_server_in_thread

        people = [
            User(sub="ada", claims={"email": "ada@x.example", "groups": ["ops"]}),
            User(sub="bo", claims={"email": "bo@x.example", "groups": ["devs"]}),
            User(sub="cy", claims={"email": "cy@x.example"}),
        ]
        with run_server_in_thread(user_claims=people) as server:
            yield f"http://localhost:{server.server_port}"


@dataclass
class Browser:
    """Signs in as a browser does."""

    http: AsyncClient

    async def answer_of(self, subject: str, back: str = "/admin/api/me") -> str:
        """Return the address that the provider sends a browser back to."""
        asked = await self.http.get("/login", params={"back": back})
        assert asked.status_code == 303, asked.text
        async with httpx.AsyncClient() as outside:
            signed = await outside.post(asked.headers["location"], data={"sub": subject})
        assert signed.status_code == 302, signed.text
        return signed.headers["location"].removeprefix(HERE)

    async def sign_in(self, subject: str, back: str = "/admin/api/me") -> Response:
        return await self.http.get(await self.answer_of(subject, back))


@pytest.fixture
def settings(issuer: str, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        oidc_issuer=issuer,
        oidc_client_id="coe",
        oidc_client_secret="hush",
        oidc_roles={"ops": "admin", "devs": "editor"},
        public_url=HERE,
    )


@pytest.fixture
async def services(
    postgres_url: str, redis_url: str, settings: Settings
) -> AsyncIterator[Services]:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(settings, urls, ROUTER, {}) as services:
        yield services


@pytest.fixture
async def http(services: Services) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url=HERE) as client:
        yield client


@pytest.fixture
def browser(http: AsyncClient) -> Browser:
    return Browser(http)


def code_of(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


async def test_who_signs_in_is_known_until_signing_out(
    browser: Browser, services: Services
) -> None:
    done = await browser.sign_in("ada", back="/admin/api/me?x=1")
    assert (done.status_code, done.headers["location"]) == (303, "/admin/api/me?x=1")
    cookie = done.headers.get_list("set-cookie")[0]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    me = (await browser.http.get("/admin/api/me")).json()
    assert (me["name"], me["role"], me["tenant"]) == ("ada@x.example", "admin", "default")
    assert me["id"].startswith("person_")
    assert (await browser.http.get("/admin/api/keys")).status_code == 200

    same_site = {"sec-fetch-site": "same-origin"}
    assert (await browser.http.post("/login/logout", headers=same_site)).status_code == 204
    browser.http.cookies.set(SESSION_COOKIE, cookie.split("=")[1].split(";")[0])
    assert code_of(await browser.http.get("/admin/api/me")) == (401, "invalid_api_key")

    signed = [link.entry for link in await services.audit.page(10)]
    assert [(e.event, e.action, e.actor_name) for e in signed] == [
        ("done", "sign in", "ada@x.example"),
        ("done", "sign out", "ada@x.example"),
    ]


async def test_roles_come_from_groups_and_are_kept(browser: Browser) -> None:
    await browser.sign_in("bo")
    assert (await browser.http.get("/admin/api/me")).json()["role"] == "editor"
    assert code_of(await browser.http.get("/admin/api/keys")) == (403, "insufficient_role")


async def test_who_has_no_role_stays_outside(browser: Browser, services: Services) -> None:
    assert code_of(await browser.sign_in("cy")) == (403, "login_no_role")
    assert SESSION_COOKIE not in browser.http.cookies
    (entry,) = [link.entry for link in await services.audit.page(10)]
    assert (entry.event, entry.actor, entry.actor_name) == ("refused", "cy", "cy@x.example")


async def test_another_site_cannot_use_a_session(browser: Browser) -> None:
    await browser.sign_in("ada")
    for headers in (
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        made = await browser.http.post("/admin/api/keys", json={"name": "x"}, headers=headers)
        assert code_of(made) == (401, "missing_api_key"), headers
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": HERE}):
        made = await browser.http.post("/admin/api/keys", json={"name": "x"}, headers=headers)
        assert made.status_code == 201


async def test_an_answer_counts_once_and_in_one_browser(
    browser: Browser, services: Services
) -> None:
    answer = await browser.answer_of("ada")
    transport = ASGITransport(create_app(services), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url=HERE) as another:
        assert code_of(await another.get(answer)) == (400, "login_failed")
        await Browser(another).answer_of("bo")
        assert code_of(await another.get(answer)) == (400, "login_failed")
    assert (await browser.http.get(answer)).status_code == 303
    assert code_of(await browser.http.get(answer)) == (400, "login_failed")


@pytest.mark.parametrize(
    "query", ["", "?error=access_denied", "?code=x&state=y", "?code=%00&state=%ff"]
)
async def test_what_is_no_answer_signs_nobody_in(browser: Browser, query: str) -> None:
    await browser.http.get("/login")
    assert code_of(await browser.http.get(f"/login/callback{query}")) == (400, "login_failed")


BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_who_came_from_a_page_is_told_there_why_nobody_was_signed_in(
    browser: Browser,
) -> None:
    answer = await browser.answer_of("cy", back="/admin/experts?q=a b")
    refused = await browser.http.get(answer, headers=BROWSER)
    assert refused.status_code == 303
    assert refused.headers["location"] == (
        "/admin/login?problem=login_no_role&back=%2Fadmin%2Fexperts%3Fq%3Da+b"
    )
    again = await browser.http.get(answer, headers=BROWSER)  # what the browser kept is gone
    assert again.headers["location"] == "/admin/login?problem=login_failed"


async def test_who_came_from_elsewhere_is_told_as_programs_are(browser: Browser) -> None:
    answer = await browser.answer_of("cy", back="/docs")
    assert code_of(await browser.http.get(answer, headers=BROWSER)) == (403, "login_no_role")


async def test_a_provider_that_is_away_is_told_on_the_page(
    browser: Browser, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Any) -> str:
        raise ProviderAway("it does not answer")

    monkeypatch.setattr(Provider, "sign_in_endpoint", away)
    asked = {"back": "/admin"}
    sent = await browser.http.get("/login", params=asked, headers=BROWSER)
    assert sent.headers["location"] == "/admin/login?problem=login_unavailable&back=%2Fadmin"
    assert code_of(await browser.http.get("/login", params=asked)) == (503, "login_unavailable")


async def test_a_session_ends_by_itself(
    browser: Browser, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    monkeypatch.setattr(services.login.sessions, "lifetime", timedelta(milliseconds=600))
    browser.http.cookies.clear()
    answer = await browser.sign_in("ada")
    secret = answer.headers.get_list("set-cookie")[0].split("=")[1].split(";")[0]
    assert await services.keys.find_fresh(secret) is not None
    await asyncio.sleep(0.65)
    assert services.keys.find(secret) is None
    await services.keys.refresh()
    assert services.keys.find(secret) is None
    assert await services.keys.find_fresh(secret) is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"oidc_issuer": "http://idp.example"}, "COE_OIDC_ISSUER"),
        ({"oidc_client_id": None}, "COE_OIDC_CLIENT_ID"),
        ({"public_url": None}, "COE_PUBLIC_URL"),
        ({"public_url": "http://coe.example"}, "COE_PUBLIC_URL"),
    ],
)
async def test_half_a_configuration_is_refused_at_the_start(
    settings: Settings, postgres_url: str, redis_url: str, changes: dict[str, Any], told: str
) -> None:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    with pytest.raises(StartError, match=told):
        async with open_services(settings.model_copy(update=changes), urls, ROUTER, {}):
            pass


def test_roles_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COE_OIDC_ROLES", '{"ops": "admin", "*": "viewer"}')
    assert load_settings().oidc_roles == {"ops": "admin", "*": "viewer"}
    monkeypatch.setenv("COE_OIDC_ROLES", '{"ops": "king"}')
    with pytest.raises(StartError, match="COE_OIDC_ROLES"):
        load_settings()


async def test_without_a_provider_nobody_can_sign_in(
    postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    urls = StoreUrls(postgres_url, redis_url, exclusive=True)
    async with open_services(Settings(data_dir=tmp_path), urls, ROUTER, {}) as services:
        transport = ASGITransport(create_app(services), raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url=HERE) as client:
            assert code_of(await client.get("/login")) == (404, "login_not_configured")


# Tokens that are none: a provider that can be made to say anything.

KEY, FOREIGN = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
CLIENT = Client("coe", None, f"{HERE}/login/callback", "openid")
ATTEMPT = Attempt("state", "nonce", "verifier", "/")
ISSUER = "https://idp.example"


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    usual = {"iss": ISSUER, "sub": "ada", "aud": "coe", "nonce": "nonce", "iat": now}
    return {**usual, "exp": now + 300, **changes}


def signed(held: dict[str, Any], key: RSAKey = KEY, algorithm: str = "RS256") -> str:
    present = {name: value for name, value in held.items() if value is not None}
    return jwt.encode({"alg": algorithm}, present, key)


def provider_of(
    token: Callable[[], Any], metadata: dict[str, Any] | None = None, keys: Any = None
) -> Provider:
    described = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/keys",
        **(metadata or {}),
    }
    published = {"keys": [KEY.as_dict(private=False)]} if keys is None else keys

    def answer(request: httpx.Request) -> httpx.Response:
        paths = {"/token": token, "/keys": lambda: published}
        value = paths.get(request.url.path, lambda: described)()
        return value if isinstance(value, httpx.Response) else httpx.Response(200, json=value)

    return Provider(ISSUER, CLIENT, httpx.MockTransport(answer))


async def test_a_good_token_is_believed() -> None:
    provider = provider_of(lambda: {"id_token": signed(claims())})
    assert (await provider.redeem("code", ATTEMPT))["sub"] == "ada"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": ["coe", "another"], "azp": "another"},
        {"nonce": "older"},
        {"nonce": None},
        {"exp": int(time.time()) - 600},
        {"exp": None},
        {"sub": None},
    ],
)
async def test_a_token_for_something_else_is_not(changes: dict[str, Any]) -> None:
    provider = provider_of(lambda: {"id_token": signed(claims(**changes))})
    with pytest.raises(LoginFailed):
        await provider.redeem("code", ATTEMPT)


@pytest.mark.parametrize(
    "token",
    [
        signed(claims(), FOREIGN),
        signed(claims())[:-3] + "AAA",
        "e30.e30.",
        "not a token",
    ],
)
async def test_a_forged_token_is_not(token: str) -> None:
    with pytest.raises(LoginFailed):
        await provider_of(lambda: {"id_token": token}).redeem("code", ATTEMPT)


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


async def test_a_token_signed_with_the_public_key_as_a_secret_is_not() -> None:
    parts = [{"alg": "HS256", "kid": KEY.ensure_kid()}, claims()]
    said = b".".join(_encoded(json.dumps(part).encode()) for part in parts)
    mac = hmac.digest(KEY.as_pem(private=False), said, "sha256")
    token = b".".join((said, _encoded(mac))).decode()
    with pytest.raises(LoginFailed):
        await provider_of(lambda: {"id_token": token}).redeem("code", ATTEMPT)


async def test_a_provider_that_changed_its_keys_is_asked_once() -> None:
    looks = 0
    later = 0.0
    published = {"keys": [FOREIGN.as_dict(private=False)]}

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal looks
        if request.url.path == "/keys":
            looks += 1
            return httpx.Response(200, json=published)
        if request.url.path == "/token":
            return httpx.Response(200, json={"id_token": signed(claims())})
        described = {"issuer": ISSUER, "authorization_endpoint": ISSUER}
        addresses = {"token_endpoint": f"{ISSUER}/token", "jwks_uri": f"{ISSUER}/keys"}
        return httpx.Response(200, json=described | addresses)

    provider = Provider(ISSUER, CLIENT, httpx.MockTransport(answer), clock=lambda: later)
    for _ in range(5):
        with pytest.raises(LoginFailed):
            await provider.redeem("code", ATTEMPT)
    assert looks == 1
    published["keys"] = [KEY.as_dict(private=False)]
    later = 11.0
    assert (await provider.redeem("code", ATTEMPT))["sub"] == "ada"
    assert looks == 2


@pytest.mark.parametrize(
    "provider",
    [
        provider_of(dict, {"issuer": "https://other.example"}),
        provider_of(dict, {"token_endpoint": "http://idp.example/token"}),
        provider_of(dict, {"jwks_uri": None}),
        provider_of(dict, keys={"keys": "none"}),
        provider_of(dict),
        provider_of(lambda: httpx.Response(500)),
        provider_of(lambda: httpx.Response(200, text="<html>")),
        provider_of(lambda: httpx.Response(302, headers={"location": "http://x.example"})),
    ],
)
async def test_a_provider_that_is_none_is_said_to_be_away(provider: Provider) -> None:
    with pytest.raises(ProviderAway):
        await provider.redeem("code", ATTEMPT)


async def test_a_refused_code_is_the_browsers_fault() -> None:
    provider = provider_of(lambda: httpx.Response(400, json={"error": "invalid_grant"}))
    with pytest.raises(LoginFailed):
        await provider.redeem("code", ATTEMPT)
