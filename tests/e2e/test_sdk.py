"""Every operation of ``coe_client`` against the running service, with threads and with asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import coe_client
from coe_client import AsyncCoe, Coe
from coe_client.types import Endpoint, Expert, Price, SecretRef
from coe_client.types.base import WireModel
from tests.e2e.conftest import Server
from tests.e2e.support import make_key, row_of


def entry(expert: str, **fields: Any) -> Expert:
    """Return an entry with a value in every field, none of them the default."""
    whole = Expert(
        id=expert,
        provider="openai",
        name="A name",
        description="What it is.",
        model="some-model",
        endpoints=[
            Endpoint(
                url="http://127.0.0.1:9/v1",
                api_key=SecretRef(env="NO_SUCH_VARIABLE"),
                headers={"x-team": "a"},
                weight=2.0,
            )
        ],
        system_prompt="Be brief.",
        parameters={"temperature": 0.5, "stop": ["x"]},
        capabilities=["json", "streaming"],
        context_window=4096,
        price=Price(input=0.25, output=1.5),
        active_parameters=1.5,
        total_parameters=8.0,
        tags=["coding", "small"],
        accepts=["executable"],
        enabled=False,
    )
    return whole.model_copy(update=fields)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Coe]:
    with Coe(base_url=server.url, api_key=server.key, max_retries=0) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def async_client(server: Server) -> AsyncIterator[AsyncCoe]:
    async with AsyncCoe(base_url=server.url, api_key=server.key, max_retries=0) as client:
        yield client


def assert_nothing_untyped(*records: WireModel) -> None:
    """Fail on a field that the service sends and the types do not name, at any depth."""
    for record in records:
        assert not record.model_extra, (
            f"{type(record).__name__}: {sorted(record.model_extra or ())}"
        )
        for value in dict(record).values():
            parts = value.values() if isinstance(value, dict) else value
            for part in parts if isinstance(parts, list) else [parts]:
                if isinstance(part, WireModel):
                    assert_nothing_untyped(part)


# Asking


def test_chat(client: Coe, server: Server) -> None:
    answer = client.chat.create("one two three", model="coe-quality", temperature=0)
    assert answer.text == "one two three"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 6
    row = row_of(server, answer.route.request_id or "")
    unlike = {"request_id", "cache", "cache_key", "cost", "confidence", "moved", "flags"}
    unlike |= {"strategy", "strategy_unused"}
    shown = answer.route.model_dump(exclude=unlike)
    assert shown == {name: row[name] for name in shown}
    assert answer.route.cost == pytest.approx(row["cost_usd"])
    assert answer.route.confidence == pytest.approx(row["confidence"])
    assert answer.route.cache == "bypass"  # nobody has asked for one
    assert answer.coe is None


def test_chat_explained(client: Coe) -> None:
    answer = client.chat.create("one two three", explain=True)
    assert answer.coe is not None
    assert answer.coe.decision is not None
    assert answer.coe.decision.confidence == pytest.approx(answer.route.confidence, abs=1e-4)
    assert answer.coe.usage is not None
    assert (answer.coe.usage.prompt_tokens, answer.coe.usage.estimated) == (3, False)
    assert answer.coe.request_id == answer.route.request_id
    assert answer.coe.cost_usd == pytest.approx(answer.route.cost)
    assert (answer.coe.duration_ms or 0) >= (answer.coe.first_token_ms or 0) > 0
    assert_nothing_untyped(answer)


def test_chat_streamed(client: Coe) -> None:
    with client.chat.create("one two three", stream=True, explain=True) as stream:
        assert stream.route.expert
        assert "".join(chunk.text for chunk in stream) == "one two three"
    assert stream.explanation is not None
    assert stream.explanation.expert == stream.route.expert
    assert_nothing_untyped(stream.explanation)


def test_a_stream_that_fails_raises_what_the_status_would(client: Coe) -> None:
    with (
        client.chat.create("one two three", model="unsteady", stream=True) as stream,
        pytest.raises(coe_client.ExpertFailedError) as broken,
    ):
        list(stream)
    assert broken.value.code == "expert_answer_invalid"
    assert broken.value.request_id == stream.route.request_id


def test_tool_calls(client: Coe) -> None:
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    answer = client.chat.create("Add.", model="caller", tools=tools)
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.function] == ["add", "add"]


def test_errors(client: Coe, server: Server) -> None:
    with pytest.raises(coe_client.NotFoundError) as unknown:
        client.chat.create("hi", model="no-such-model")
    assert (unknown.value.param, unknown.value.code) == ("model", "model_not_found")
    with pytest.raises(coe_client.BadRequestError):
        client.chat.create("hi", model="refusing")
    with pytest.raises(coe_client.ExpertFailedError):
        client.chat.create("hi", model="failing")
    with pytest.raises(coe_client.ExpertTimedOutError):
        client.chat.create("hi", model="overdue")
    with (
        Coe(base_url=server.url, api_key="sk-coe-wrong") as stranger,
        pytest.raises(coe_client.AuthenticationError),
    ):
        stranger.chat.create("hi")


def test_route(client: Coe) -> None:
    decision = client.route("Write a Python function that sorts a list.", model="coe-quality")
    assert decision.expert == "coder"
    assert decision.policy == "quality"
    assert sum(decision.probabilities.values()) == pytest.approx(1)
    assert {view.id for view in decision.candidates} >= {"generalist", "coder", "refusing"}
    assert {view.excluded for view in decision.candidates if view.id == "refusing"} == {"input"}
    assert_nothing_untyped(decision)
    messages = [{"role": "user", "content": "Write a Python function that sorts a list."}]
    assert client.route(messages, model="coe-quality") == decision
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert client.route(messages, tools=tools).expert == "generalist"


def test_models(client: Coe) -> None:
    models = {model.id: model for model in client.models.list()}
    assert models["coe"].coe.kind == "policy"
    assert models["coder"].coe.kind == "expert"
    assert client.models.get("coder") == models["coder"]
    assert_nothing_untyped(*models.values())


# The catalogue


def test_experts_from_their_making_to_their_end(client: Coe) -> None:
    expert = entry("sdk-sync")
    created = client.experts.create(expert)
    try:
        assert created.expert == expert
        assert (created.version, created.head) == (1, 1)
        assert created.updated_by
        assert created.updated_at is not None
        assert datetime.now(UTC) - created.updated_at < timedelta(minutes=1)
        assert_nothing_untyped(created)
        assert client.experts.get("sdk-sync") == created
        with pytest.raises(coe_client.ConflictError):
            client.experts.create(expert)
        changed = client.experts.update("sdk-sync", entry("sdk-sync", description="Another."))
        assert (changed.version, changed.expert.description) == (2, "Another.")
        back = client.experts.rollback("sdk-sync", 1)
        assert (back.version, back.expert) == (3, expert)
        versions = list(client.experts.versions("sdk-sync", page_size=1))
        assert [record.version for record in versions] == [3, 2, 1]
        assert "sdk-sync" in [record.expert.id for record in client.experts.list(page_size=2)]
    finally:
        client.experts.retire("sdk-sync")
    with pytest.raises(coe_client.NotFoundError):
        client.experts.get("sdk-sync")
    assert len(list(client.experts.versions("sdk-sync"))) == 3


def test_apply(client: Coe) -> None:
    expert = entry("sdk-apply")
    planned = client.experts.apply([expert], dry_run=True)
    assert [(change.id, change.action) for change in planned.changes] == [("sdk-apply", "create")]
    assert planned.dry_run
    with pytest.raises(coe_client.NotFoundError):
        client.experts.get("sdk-apply")
    done = client.experts.apply([expert])
    try:
        assert not done.dry_run
        assert_nothing_untyped(done)
        again = client.experts.apply([entry("sdk-apply", name="Other")], dry_run=True)
        assert again.changes[0].fields == {"name": ["A name", "Other"]}
        with pytest.raises(coe_client.BadRequestError):
            client.experts.apply([entry("sdk-half"), {"id": "coe-reserved", "provider": "openai"}])
        with pytest.raises(coe_client.NotFoundError):
            client.experts.get("sdk-half")
    finally:
        client.experts.retire("sdk-apply")


# Keys, secrets, usage, router, settings, health


def test_keys(client: Coe, server: Server) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    made = client.keys.create("for the test", role="viewer", tenant="team-a", expires_at=expires)
    assert (made.role, made.tenant, made.expires_at) == ("viewer", "team-a", expires)
    assert made.key.startswith(made.prefix)
    assert made.key not in repr(made)
    assert_nothing_untyped(made)
    listed = {key.id: key for key in client.keys.list(page_size=2)}
    assert listed[made.id].model_dump() == {
        name: value for name, value in made.model_dump().items() if name != "key"
    }
    with Coe(base_url=server.url, api_key=made.key, max_retries=0) as other:
        assert other.router.get().version
        client.keys.revoke(made.id)
        with pytest.raises(coe_client.AuthenticationError):
            other.models.get("coe")
    revoked = {key.id: key for key in client.keys.list()}[made.id]
    assert revoked.revoked_at is not None
    with pytest.raises(coe_client.NotFoundError):
        client.keys.revoke(made.id)


def test_secrets(client: Coe) -> None:
    client.secrets.set("sdk-secret", "value-that-must-not-come-back")
    records = {record.name: record for record in client.secrets.list(page_size=1)}
    assert records["sdk-secret"].updated_at is not None
    assert "value-that-must-not-come-back" not in repr(records)
    assert_nothing_untyped(*records.values())
    client.secrets.delete("sdk-secret")
    with pytest.raises(coe_client.NotFoundError):
        client.secrets.delete("sdk-secret")


def test_usage(client: Coe, server: Server) -> None:
    asked = [client.chat.create("hi", model="generalist").route.request_id for _ in range(3)]
    for request_id in asked:
        row_of(server, request_id or "")
    newest = [
        record.request_id
        for record in islice(client.usage.list(expert="generalist", status="ok", page_size=2), 3)
    ]
    assert newest == asked[::-1]
    record = client.usage.get(newest[0])
    assert (record.expert, record.status, record.prompt_tokens) == ("generalist", "ok", 1)
    assert record.cost_usd == pytest.approx(3e-6)
    assert_nothing_untyped(record)
    with pytest.raises(coe_client.NotFoundError):
        client.usage.get("req_nothing")


def test_router_config_and_health(client: Coe) -> None:
    router = client.router.get()
    categories = {category.id for category in router.categories}
    assert {"general", "coding", "math"} <= categories
    assert set(router.policies) == {"quality", "balanced", "economy"}
    assert all(set(mapping) == categories for mapping in router.policies.values())
    assert_nothing_untyped(router)
    config = {value.name: value for value in client.config.list()}
    assert config["COE_DATA_DIR"].source == "environment (COE_DATA_DIR)"
    assert config["COE_DEFAULT_POLICY"].source == "default"
    assert_nothing_untyped(*config.values())
    assert client.health().status == "ok"
    readiness = client.ready()
    assert readiness.ready
    assert set(readiness.checks.values()) == {"ok"}


# Roles


@pytest.mark.parametrize("role", ["user", "viewer", "editor", "admin"])
def test_what_a_role_may_do(client: Coe, server: Server, role: str) -> None:
    expert = entry(f"sdk-role-{role}")
    with Coe(base_url=server.url, api_key=make_key(server, role)["key"], max_retries=0) as own:

        def may(operation: Any) -> bool:
            try:
                operation()
            except coe_client.PermissionDeniedError as error:
                assert error.code == "insufficient_role"
                return False
            return True

        assert own.chat.create("hi").text == "hi"
        assert own.route("hi").expert
        assert list(own.models.list())
        reads = [
            lambda: list(islice(own.experts.list(), 1)),
            lambda: list(islice(own.usage.list(), 1)),
            lambda: own.router.get(),
            lambda: list(own.config.list()),
        ]
        writes = [
            lambda: own.experts.create(expert),
            lambda: own.experts.update(expert.id, entry(expert.id, name="New")),
            lambda: own.experts.rollback(expert.id, 1),
            lambda: own.experts.apply([expert]),
            lambda: own.experts.retire(expert.id),
        ]
        admin = [
            lambda: list(islice(own.keys.list(), 1)),
            lambda: own.keys.revoke(own.keys.create("by a test").id),
            lambda: own.secrets.set("sdk-role", "x"),
            lambda: own.secrets.delete("sdk-role"),
            lambda: list(own.secrets.list()),
        ]
        rank = ["user", "viewer", "editor", "admin"].index(role)
        assert [may(read) for read in reads] == [rank >= 1] * len(reads)
        assert [may(write) for write in writes] == [rank >= 2] * len(writes)
        assert [may(operation) for operation in admin] == [rank >= 3] * len(admin)


# The same with asyncio


async def test_async_asking(async_client: AsyncCoe) -> None:
    answer = await async_client.chat.create("one two", explain=True)
    assert answer.text == "one two"
    assert_nothing_untyped(answer)
    async with await async_client.chat.create("one two", stream=True, explain=True) as stream:
        assert "".join([chunk.text async for chunk in stream]) == "one two"
    assert stream.explanation is not None
    assert (await async_client.route("one two")).expert == answer.route.expert
    assert "coe" in [model.id async for model in async_client.models.list()]
    assert (await async_client.models.get("coe")).coe.kind == "policy"
    with pytest.raises(coe_client.ExpertFailedError):
        await async_client.chat.create("hi", model="failing")


async def test_async_experts(async_client: AsyncCoe) -> None:
    experts = async_client.experts
    expert = entry("sdk-async")
    assert (await experts.create(expert)).expert == expert
    try:
        assert (await experts.get("sdk-async")).version == 1
        assert (await experts.update("sdk-async", entry("sdk-async", name="New"))).version == 2
        assert (await experts.rollback("sdk-async", 1)).expert == expert
        versions = [record.version async for record in experts.versions("sdk-async")]
        assert versions == [3, 2, 1]
        assert (await experts.apply([expert], dry_run=True)).changes[0].action == "unchanged"
        assert "sdk-async" in [record.expert.id async for record in experts.list(page_size=3)]
    finally:
        await experts.retire("sdk-async")


async def test_async_administration(async_client: AsyncCoe) -> None:
    made = await async_client.keys.create("async", role="user")
    assert made.id in [key.id async for key in async_client.keys.list()]
    await async_client.keys.revoke(made.id)
    await async_client.secrets.set("sdk-async", "x")
    assert "sdk-async" in [record.name async for record in async_client.secrets.list()]
    await async_client.secrets.delete("sdk-async")
    newest = await anext(aiter(async_client.usage.list(page_size=1)))
    assert await async_client.usage.get(newest.request_id) is not None
    assert (await async_client.router.get()).categories
    assert [value.name async for value in async_client.config.list()]
    assert (await async_client.health()).status == "ok"
    assert (await async_client.ready()).ready


def test_the_other_protocols(client: Coe) -> None:
    response = client.responses.create("one two three", model="generalist", explain=True)
    assert (response.text, response.route.expert) == ("one two three", "generalist")
    assert response.coe is not None
    assert_nothing_untyped(response.coe)
    with client.responses.create("one two three", model="generalist", stream=True) as events:
        assert "".join(event.delta or "" for event in events) == "one two three"
    message = client.messages.create("one two three", max_tokens=9, model="generalist")
    assert (message.text, message.route.expert) == ("one two three", "generalist")
    with client.messages.create(
        "one two three", max_tokens=9, model="generalist", stream=True
    ) as told:
        assert "".join(event.text for event in told) == "one two three"
    assert client.messages.count_tokens("one two three", model="generalist").input_tokens > 0
    with (
        client.messages.create("one two three", max_tokens=9, model="unsteady", stream=True) as cut,
        pytest.raises(coe_client.ExpertFailedError),
    ):
        list(cut)


def test_what_operators_look_at(client: Coe) -> None:
    assert client.me().role == "admin"
    assert "# TYPE coe_" in client.metrics()
    records: list[WireModel] = [
        *islice(client.breakers.list(page_size=2), 3),
        *client.residency.list(),
        client.residency.memory(),
        client.cache.get("default"),
        *client.cache.list(),
        *islice(client.jobs.list(), 3),
        *client.jobs.schedule(),
        *islice(client.usage.own(page_size=2), 3),
        *client.limits.list(),
        *client.tenants.list(),
    ]
    assert len(records) > 5
    assert_nothing_untyped(*records)
    assert client.breakers.reset("generalist").expert == "generalist"


def test_an_upload_and_its_download(client: Coe, tmp_path: Path) -> None:
    told: list[int] = []
    (tmp_path / "in.jsonl").write_bytes(b"{}\n" * 200_000)
    file = client.files.upload(tmp_path / "in.jsonl", progress=lambda done, _: told.append(done))
    assert told == [262_144, 524_288, 600_000]
    copy = client.files.download(file.id, tmp_path / "copy.jsonl")
    assert copy.read_bytes() == (tmp_path / "in.jsonl").read_bytes()
    assert client.files.delete(file.id).deleted
