"""The catalogue over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from httpx import AsyncClient, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.catalogue.expert import Expert, SecretRef
from orchestrator.catalogue.secrets import SecretStore
from orchestrator.catalogue.service import CatalogueService
from orchestrator.kit.database import make_engine
from orchestrator.tenants.keys import Role

Make = Callable[..., dict[str, Any]]
EXPERTS = "/admin/api/experts"
SECRETS = "/admin/api/secrets"
JSON = {"content-type": "application/json"}


def error_of(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["request_id"] == response.headers["x-coe-request-id"]
    return error


async def test_an_expert_is_created_read_changed_and_retired(
    client: AsyncClient, entry: Make
) -> None:
    names = {"aliases": ["A"], "fallbacks": ["b"]}  # left out where they are empty
    made = await client.post(EXPERTS, json=entry("a", context_window=10, tags=["b", "a"], **names))
    assert made.status_code == 201
    record = made.json()
    assert (record["version"], record["head"]) == (1, 1)
    assert record["updated_by"].startswith("the admin (key_")
    assert record["expert"]["tags"] == ["a", "b"]
    assert list(record["expert"]) == list(Expert.model_fields)
    assert (await client.get(f"{EXPERTS}/a")).json() == record

    changed = await client.put(f"{EXPERTS}/a", json={**record["expert"], "context_window": 20})
    assert changed.json()["version"] == 2
    same = await client.put(f"{EXPERTS}/a", json=changed.json()["expert"])
    assert same.json() == changed.json()

    versions = (await client.get(f"{EXPERTS}/a/versions")).json()
    assert [(r["version"], r["head"]) for r in versions["data"]] == [(2, 2), (1, 2)]
    back = await client.post(f"{EXPERTS}/a/rollback", json={"version": 1})
    assert (back.json()["version"], back.json()["expert"]) == (3, record["expert"])

    gone = await client.delete(f"{EXPERTS}/a")
    assert (gone.status_code, gone.content) == (204, b"")
    error_of(await client.get(f"{EXPERTS}/a"), 404)
    assert len((await client.get(f"{EXPERTS}/a/versions")).json()["data"]) == 3


async def test_conflicts_and_unknown_things(client: AsyncClient, entry: Make) -> None:
    await client.post(EXPERTS, json=entry("a"))
    assert error_of(await client.post(EXPERTS, json=entry("a")), 409)["code"] == "expert_exists"
    mismatch = error_of(await client.put(f"{EXPERTS}/b", json=entry("a")), 400)
    assert mismatch["param"] == "id"
    stale = await client.put(f"{EXPERTS}/a?expected_version=7", json=entry("a", name="x"))
    assert error_of(stale, 409)["code"] == "expert_changed"
    for method, path, body in (
        ("GET", "/b", None),
        ("PUT", "/b", entry("b")),
        ("DELETE", "/b", None),
        ("GET", "/b/versions", None),
        ("POST", "/b/rollback", {"version": 1}),
        ("GET", "/%00", None),
        ("DELETE", "/%ED%A0%80", None),
        ("GET", "/" + "x" * 2000, None),
    ):
        answer = await client.request(method, EXPERTS + path, json=body)
        assert error_of(answer, 404)["code"] == "expert_not_found"
    answer = await client.post(f"{EXPERTS}/a/rollback", json={"version": 2})
    assert error_of(answer, 404)["code"] == "version_not_found"


WRONG_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"context_window": "8192"}, "context_window"),
    ({"context_window": 2**40}, "context_window"),
    ({"context_window": True}, "context_window"),
    ({"name": "a\x00"}, "name"),
    ({"name": "\ud800"}, "name"),
    ({"parameters": {"a": {"b\x00": 1}}}, "parameters.a"),
    ({"parameters": {"a": 1e300}}, "parameters.a"),
    ({"contxt_window": 1}, "contxt_window"),
    ({"price": {"input": -1}}, "price.input"),
    ({"provider": "pigeon"}, "provider"),
    ({"provider": "openai"}, "model"),
    ({"id": "coe-x"}, "id"),
    ({"endpoints": [{"url": 1}]}, "endpoints[0].url"),
]


async def test_a_wrong_field_is_named(client: AsyncClient, entry: Make) -> None:
    for change, param in WRONG_FIELDS:
        body = json.dumps({**entry("a"), **change})  # escapes what UTF-8 cannot say
        for method, path in (("POST", EXPERTS), ("PUT", f"{EXPERTS}/a")):
            error = error_of(await client.request(method, path, content=body, headers=JSON), 400)
            assert (error["code"], error["param"]) == ("invalid_expert", param)
        many = f'{{"experts": [{json.dumps(entry("ok"))}, {body}]}}'
        answer = await client.post(f"{EXPERTS}/apply", content=many, headers=JSON)
        assert error_of(answer, 400)["param"] == f"experts[1].{param}"
    assert (await client.get(EXPERTS)).json()["data"] == []


NOT_BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"1",
    b'"\\ud800"',
    b'{"id": "a", "provider": "scripted", "parameters": {"x": NaN}}',
    b'{"id": "a", "provider": "scripted", "parameters": {"x": 1e999}}',
    b'{"id": "a", "provider": "scripted", "parameters": {"x": ' + b"9" * 5000 + b"}}",
    b'{"id": "a", "provider": "scripted", "parameters": {"x": ' + b"[" * 50_000 + b"}}",
    b'{"id": "a", "provider": "scripted", "parameters": {"x": ' + b"[" * 500 + b"]" * 500 + b"}}",
    b'{"id": "a", "provider": "scripted", "name": "\xff"}',
    b'{"id": "a", "provider": "scripted", "name": "' + b"x" * 600_000 + b'"}',
]


async def test_a_body_that_is_not_one_is_a_400(client: AsyncClient) -> None:
    for method, path in (
        ("POST", EXPERTS),
        ("PUT", f"{EXPERTS}/a"),
        ("POST", f"{EXPERTS}/apply"),
        ("POST", f"{EXPERTS}/a/rollback"),
        ("PUT", f"{SECRETS}/a"),
    ):
        for body in NOT_BODIES:
            error_of(await client.request(method, path, content=body, headers=JSON), 400)
            error_of(await client.request(method, path, content=body), 400)


WRONG_PAGES = [
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("limit=x", "limit"),
    ("limit=99999999999999999999", "limit"),
    ("after=%00", "after"),
    ("after=", "after"),
    ("after=A!", "after"),
    ("after=" + "a" * 201, "after"),
]


async def test_a_wrong_page_is_a_400(client: AsyncClient, entry: Make) -> None:
    await client.post(EXPERTS, json=entry("a"))
    for path in (EXPERTS, f"{EXPERTS}/a/versions", SECRETS):
        for query, param in WRONG_PAGES:
            assert error_of(await client.get(f"{path}?{query}"), 400)["param"] == param


async def test_a_wrong_version_is_a_400(client: AsyncClient, entry: Make) -> None:
    await client.post(EXPERTS, json=entry("a"))
    for version in (0, -1, 2**31, 2**80, "1", 1.5, True, None):
        answer = await client.post(f"{EXPERTS}/a/rollback", json={"version": version})
        assert error_of(answer, 400)["param"] == "version"


async def test_pages_follow_each_other(client: AsyncClient, entry: Make) -> None:
    names = [f"e{number}" for number in range(5)]
    await client.post(f"{EXPERTS}/apply", json={"experts": [entry(name) for name in names]})
    seen, after = [], None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = (await client.get(EXPERTS, params=query)).json()
        assert page["object"] == "list"
        assert page["has_more"] == (page["next"] is not None)
        seen += [record["expert"]["id"] for record in page["data"]]
        after = page["next"]
        if not page["has_more"]:
            break
    assert seen == names
    for window in (1, 2, 3):
        await client.put(f"{EXPERTS}/e0", json=entry("e0", context_window=window))
    first = (await client.get(f"{EXPERTS}/e0/versions?limit=3")).json()
    rest = await client.get(f"{EXPERTS}/e0/versions", params={"after": first["next"]})
    assert [record["version"] for record in first["data"]] == [4, 3, 2]
    assert [record["version"] for record in rest.json()["data"]] == [1]
    beyond = await client.get(f"{EXPERTS}/e0/versions?after=9999999999")
    assert len(beyond.json()["data"]) == 4


async def test_apply_answers_with_what_changed(
    client: AsyncClient, entry: Make, service: CatalogueService
) -> None:
    await client.post(f"{EXPERTS}/apply", json={"experts": [entry("a"), entry("b")]})
    body = {"experts": [entry("a", context_window=1), entry("c")], "prune": True, "dry_run": True}
    dry = (await client.post(f"{EXPERTS}/apply", json=body)).json()
    assert list(service.current.experts) == ["a", "b"]
    wet = (await client.post(f"{EXPERTS}/apply", json={**body, "dry_run": False})).json()
    assert (dry["dry_run"], wet["dry_run"]) == (True, False)
    assert wet["changes"] == dry["changes"]
    assert wet["changes"] == [
        {"id": "a", "action": "update", "fields": {"context_window": [8192, 1]}},
        {
            "id": "c",
            "action": "create",
            "fields": {"id": [None, "c"], "provider": [None, "scripted"]},
        },
        {"id": "b", "action": "retire", "fields": {}},
    ]
    assert list(service.current.experts) == ["a", "c"]


WRONG_LISTS: list[tuple[dict[str, Any], str]] = [
    ({"experts": []}, "experts"),
    ({"experts": {}}, "experts"),
    ({"experts": [1]}, "experts[0]"),
    ({"experts": [{"id": "x", "provider": "scripted"}] * 2}, "experts[1].id"),
    ({"experts": [{}] * 5001}, "experts"),
    ({"prune": "yes"}, "prune"),
    ({"dryrun": True}, "dryrun"),
]


async def test_a_wrong_apply_is_named_and_changes_nothing(client: AsyncClient, entry: Make) -> None:
    for change, param in WRONG_LISTS:
        answer = await client.post(f"{EXPERTS}/apply", json={"experts": [entry("a")], **change})
        assert error_of(answer, 400)["param"] == param
    assert (await client.get(EXPERTS)).json()["data"] == []


async def test_secrets_go_in_and_never_come_out(client: AsyncClient, store: SecretStore) -> None:
    for name in ("b", "a"):
        put = await client.put(f"{SECRETS}/{name}", json={"value": f"value-of-{name}"})
        assert put.status_code == 204
    listing = await client.get(SECRETS)
    assert [record["name"] for record in listing.json()["data"]] == ["a", "b"]
    assert set(listing.json()["data"][0]) == {"name", "updated_at"}
    assert "value-of" not in listing.text
    assert store.resolve(SecretRef(stored="a")) == "value-of-a"
    page = (await client.get(f"{SECRETS}?limit=1")).json()
    rest = (await client.get(SECRETS, params={"after": page["next"]})).json()
    assert [record["name"] for record in rest["data"]] == ["b"]
    assert (await client.delete(f"{SECRETS}/a")).status_code == 204
    for name in ("a", "A", "%00"):
        assert error_of(await client.delete(f"{SECRETS}/{name}"), 404)["code"] == "secret_not_found"


WRONG_SECRETS: list[Any] = [
    {},
    {"value": ""},
    {"value": 5},
    {"value": None},
    {"value": "line-one\nline-two"},
    {"value": "Ω-marker"},
    {"value": "marker\x00"},
    {"value": "marker" * 2000},
    {"value": "marker", "other": "marker"},
    "marker",
]


async def test_a_refused_secret_is_not_quoted(
    client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    for body in WRONG_SECRETS:
        answer = await client.put(f"{SECRETS}/a", json=body)
        assert error_of(answer, 400)["param"] == "value"
        assert "marker" not in answer.text + caplog.text
        assert "line-one" not in answer.text + caplog.text


async def test_a_wrong_secret_name_is_a_400(client: AsyncClient) -> None:
    for name in ("A", "a%00", "%ED%A0%80", "x" * 65, ".a"):
        answer = await client.put(f"{SECRETS}/{name}", json={"value": "v"})
        assert error_of(answer, 400)["param"] == "name"


OPERATIONS: list[tuple[str, str, Any, Role]] = [
    ("GET", EXPERTS, None, Role.VIEWER),
    ("GET", f"{EXPERTS}/a", None, Role.VIEWER),
    ("GET", f"{EXPERTS}/a/versions", None, Role.VIEWER),
    ("POST", EXPERTS, {}, Role.EDITOR),
    ("PUT", f"{EXPERTS}/a", {}, Role.EDITOR),
    ("DELETE", f"{EXPERTS}/a", None, Role.EDITOR),
    ("POST", f"{EXPERTS}/a/rollback", {"version": 1}, Role.EDITOR),
    ("POST", f"{EXPERTS}/apply", {"experts": []}, Role.EDITOR),
    ("GET", SECRETS, None, Role.ADMIN),
    ("PUT", f"{SECRETS}/a", {"value": "v"}, Role.ADMIN),
    ("DELETE", f"{SECRETS}/a", None, Role.ADMIN),
]


async def test_each_operation_asks_for_its_role(client: AsyncClient, keys: dict[Role, str]) -> None:
    for method, path, body, needed in OPERATIONS:
        for role in Role:
            headers = {"authorization": f"Bearer {keys[role]}"}
            answer = await client.request(method, path, headers=headers, json=body)
            assert (answer.status_code != 403) == role.includes(needed), (method, path, role)
        nobody = {"authorization": "Bearer sk-coe-unknown"}
        error_of(await client.request(method, path, headers=nobody, json=body), 401)


async def test_an_unreachable_registry_is_a_503(
    client: AsyncClient, service: CatalogueService, store: SecretStore, entry: Make
) -> None:
    away = make_engine("postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2")
    service._engine = store._engine = away
    for answer in (
        await client.get(EXPERTS),
        await client.post(EXPERTS, json=entry("a")),
        await client.get(SECRETS),
        await client.put(f"{SECRETS}/a", json={"value": "v"}),
    ):
        assert error_of(answer, 503)["code"] == "registry_unavailable"
        assert answer.headers["retry-after"]
    await away.dispose()


async def test_the_schema_describes_every_body_and_every_answer(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    ours = {p: o for p, o in document["paths"].items() if p.startswith((EXPERTS, SECRETS))}
    assert len(ours) == 8
    for path, item in ours.items():
        for method, operation in item.items():
            place = f"{method} {path}"
            assert operation["description"], place
            assert {"400", "401", "403"} <= set(operation["responses"]), place
            if method in {"post", "put"}:
                described = operation["requestBody"]["content"]["application/json"]["schema"]
                assert described != {}, place
            for status, answer in operation["responses"].items():
                if status.startswith("4") and status != "422":
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema["$ref"].endswith("/ErrorBody"), place
    created = document["paths"][EXPERTS]["post"]["requestBody"]["content"]["application/json"]
    entry = schemas[created["schema"]["$ref"].rsplit("/", 1)[1]]
    assert entry["additionalProperties"] is False
    assert entry["required"] == ["id", "provider"]
    assert entry["properties"]["context_window"]["maximum"] == 100_000_000
    record = schemas["ExpertRecord"]["properties"]["expert"]
    assert "context_window" in schemas[record["$ref"].rsplit("/", 1)[1]]["properties"]


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
hostile_entries = st.dictionaries(st.sampled_from(list(Expert.model_fields)), hostile).map(
    lambda fields: {"id": "a", "provider": "scripted", **fields}
)


@given(hostile | hostile_entries)
@settings(
    max_examples=60,
    deadline=None,
    # One database for all examples: what an earlier one stored is part of the test.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_no_body_makes_the_server_fail(client: AsyncClient, body: Any) -> None:
    for method, path, content in (
        ("POST", EXPERTS, json.dumps(body)),
        ("PUT", f"{EXPERTS}/a", json.dumps(body)),
        ("POST", f"{EXPERTS}/apply", json.dumps({"experts": [body]})),
        ("POST", f"{EXPERTS}/a/rollback", json.dumps({"version": body})),
        ("PUT", f"{SECRETS}/a", json.dumps({"value": body})),
    ):
        answer = await client.request(method, path, content=content, headers=JSON)
        assert answer.status_code < 500, (answer.text, content)


async def test_what_was_stored_is_in_the_database(
    client: AsyncClient, engine: AsyncEngine, entry: Make
) -> None:
    body = entry("a", name="\u2028 \U0001f600 ' \" \\ %", parameters={"stop": ["\\u0000", "\t"]})
    await client.post(EXPERTS, json=body)
    expert = (await client.get(f"{EXPERTS}/a")).json()["expert"]
    assert (expert["name"], expert["parameters"]) == (body["name"], body["parameters"])
