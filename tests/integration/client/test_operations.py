"""Every operation, with threads and with coroutines, over real sockets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coe_client import (
    APIResponseInvalidError,
    AsyncCoe,
    AuthenticationError,
    Coe,
    ConflictError,
    NotFoundError,
)
from coe_client.types import Expert, Price
from tests.integration.client.endpoints import LINES
from tests.integration.client.loopback import Service

ADA = {"id": "ada", "provider": "scripted"}


def test_a_whole_answer_with_its_route(client: Coe, service: Service) -> None:
    answer = client.chat.create("Hello", model="coe-quality", temperature=0.5, max_tokens=None)
    assert answer.text == "You said: Hello"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 8
    route = answer.route
    assert (route.request_id, route.router_version, route.category) == ("req-1", "rv-7", "math")
    assert (route.confidence, route.expert, route.policy) == (0.875, "ada", "balanced")
    assert (route.cache, route.cost) == ("miss", 0.00021)
    assert answer.coe is None
    assert service.seen[0].body == {
        "model": "coe-quality",
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0.5,
    }
    assert service.seen[0].headers["authorization"] == f"Bearer {service.key}"


async def test_a_whole_answer_async(async_client: AsyncCoe, service: Service) -> None:
    answer = await async_client.chat.create(
        [{"role": "user", "content": "Grüße"}], explain=True, extra_body={"top_k": 3}
    )
    assert answer.text == "You said: Grüße"
    assert answer.coe is not None
    assert answer.coe.decision is not None
    assert answer.coe.decision.confidence == 0.875
    assert answer.coe.decision.model_extra == {"a_field_of_tomorrow": {"x": 1}}
    assert answer.route.expert == "ada"
    assert service.seen[0].body["coe"] == {"explain": True}
    assert service.seen[0].body["top_k"] == 3


def test_an_answer_can_be_part_of_the_next_question(client: Coe, service: Service) -> None:
    first = client.chat.create("One")
    client.chat.create([first.choices[0].message, {"role": "user", "content": "Two"}])
    assert service.seen[1].body["messages"] == [
        {"role": "assistant", "content": "You said: One"},
        {"role": "user", "content": "Two"},
    ]


def test_routes(client: Coe, service: Service) -> None:
    decision = client.route("17 * 23", model="coe-economy")
    assert (decision.expert, decision.ranked) == ("ada", ["ada", "bo"])
    assert decision.candidates[0].quality == 0.9
    client.route([{"role": "user", "content": "x"}], tools=[{"type": "function"}])
    assert service.seen[0].body == {"input": "17 * 23", "model": "coe-economy"}
    assert service.seen[1].body == {
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "function"}],
    }


async def test_routes_async(async_client: AsyncCoe, service: Service) -> None:
    decision = await async_client.route("17 * 23", response_format={"type": "json_object"})
    assert decision.category == "math"
    assert service.seen[0].body["response_format"] == {"type": "json_object"}


def test_models(client: Coe, service: Service) -> None:
    service.put(ADA)
    assert [model.id for model in client.models.list()] == ["coe", "ada"]
    assert client.models.get("coe").coe.kind == "policy"
    assert client.models.get("ada").coe.kind is None
    with pytest.raises(NotFoundError) as caught:
        client.models.get("nobody/at all")
    assert (caught.value.param, caught.value.code) == ("model", "model_not_found")
    assert service.seen[-1].path == "/v1/models/nobody%2Fat%20all"


async def test_models_async(async_client: AsyncCoe) -> None:
    assert [model.id async for model in async_client.models.list()] == ["coe"]
    assert (await async_client.models.get("coe")).id == "coe"


def test_the_life_of_an_expert(client: Coe, service: Service) -> None:
    created = client.experts.create(Expert(id="ada", provider="scripted", price=Price(input=1.5)))
    assert service.seen[0].body == {"id": "ada", "provider": "scripted", "price": {"input": 1.5}}
    assert (created.version, created.expert.price.input) == (1, 1.5)
    with pytest.raises(ConflictError):
        client.experts.create(ADA)
    updated = client.experts.update("ada", ADA | {"name": "Ada"})
    assert (updated.version, updated.expert.name) == (2, "Ada")
    assert updated.updated_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert client.experts.get("ada").version == 2
    assert client.experts.rollback("ada", 1).version == 3
    assert [record.version for record in client.experts.versions("ada")] == [1, 2, 3]
    client.experts.retire("ada")
    with pytest.raises(NotFoundError, match="No expert 'ada'"):
        client.experts.get("ada")


async def test_the_life_of_an_expert_async(async_client: AsyncCoe) -> None:
    experts = async_client.experts
    assert (await experts.create(ADA)).version == 1
    assert (await experts.update("ada", ADA | {"name": "Ada"})).expert.name == "Ada"
    assert (await experts.get("ada")).head == 2
    assert (await experts.rollback("ada", 1)).version == 3
    versions = [record.version async for record in experts.versions("ada", page_size=1)]
    assert versions == [1, 2, 3]
    await experts.retire("ada")
    assert [record async for record in experts.list()] == []


def test_apply(client: Coe, service: Service) -> None:
    service.put({"id": "old", "provider": "scripted"})
    tried = client.experts.apply([ADA], prune=True, dry_run=True)
    assert tried.dry_run
    assert {change.id: change.action for change in tried.changes} == {
        "ada": "create",
        "old": "retire",
    }
    assert tried.changes[0].fields["provider"] == [None, "scripted"]
    assert list(service.experts) == ["old"]
    assert not client.experts.apply([ADA], prune=True).dry_run
    assert list(service.experts) == ["ada"]


async def test_apply_async(async_client: AsyncCoe, service: Service) -> None:
    result = await async_client.experts.apply([ADA])
    assert [change.action for change in result.changes] == ["create"]
    assert list(service.experts) == ["ada"]


def test_lists_fetch_page_by_page(client: Coe, service: Service) -> None:
    records = client.usage.list(expert="ada", status="ok", page_size=2)
    assert service.seen == []
    ids = [record.request_id for record in records]
    assert ids == ["req-1", "req-2", "req-3", "req-4", "req-5"]
    queries = [seen.query for seen in service.seen]
    common = {"limit": "2", "expert": "ada", "status": "ok"}
    assert queries == [common, common | {"after": "2"}, common | {"after": "4"}]
    assert next(iter(records)).request_id == "req-1"
    assert len(service.seen) == 4


async def test_lists_fetch_page_by_page_async(async_client: AsyncCoe, service: Service) -> None:
    records = async_client.usage.list(page_size=3)
    assert len([record async for record in records]) == 5
    assert len(service.seen) == 2
    assert [len(page.data) async for page in records.pages()] == [3, 2]


def test_a_list_that_leads_in_a_circle_ends(client: Coe, service: Service) -> None:
    for _ in range(2):
        service.will_answer(200, {"data": [], "has_more": True, "next": "1"})
    with pytest.raises(APIResponseInvalidError, match="more, but not where"):
        list(client.keys.list())


def test_keys(client: Coe, service: Service) -> None:
    expiry = datetime(2027, 1, 1, tzinfo=UTC)
    created = client.keys.create("robot", role="editor", expires_at=expiry)
    assert created.key == "sk-coe-abc-new"
    assert created.key not in repr(created)
    assert service.seen[0].body == {
        "name": "robot",
        "role": "editor",
        "tenant": "default",
        "expires_at": "2027-01-01T00:00:00+00:00",
    }
    assert [key.name for key in client.keys.list()] == ["robot"]
    assert client.keys.allow(created.id, ("ada", "bo")).experts == ["ada", "bo"]
    assert client.keys.allow(created.id, None).experts is None
    assert client.keys.create("bound", experts=("ada",)).experts == ["ada"]
    client.keys.revoke(created.id)
    assert next(iter(client.keys.list())).revoked_at is not None


async def test_keys_async(async_client: AsyncCoe) -> None:
    created = await async_client.keys.create("robot", experts=["ada"])
    assert (await async_client.keys.allow(created.id, ["bo"])).experts == ["bo"]
    await async_client.keys.revoke(created.id)
    revoked = [key.revoked_at async for key in async_client.keys.list()]
    assert revoked[0] is not None
    with pytest.raises(NotFoundError):
        await async_client.keys.revoke("nobody")


def test_feedback_as_a_data_set(client: Coe, service: Service) -> None:
    assert client.feedback.export() == LINES
    assert client.feedback.export(days=1) == ""
    assert [(seen.path, seen.query) for seen in service.seen] == [
        ("/admin/api/feedback/export", {}),
        ("/admin/api/feedback/export", {"days": "1"}),
    ]


async def test_feedback_as_a_data_set_async(async_client: AsyncCoe) -> None:
    assert await async_client.feedback.export(days=30) == LINES


def test_secrets(client: Coe, service: Service) -> None:
    client.secrets.set("vendor", "s3cret")
    assert service.secrets == {"vendor": "s3cret"}
    assert [secret.name for secret in client.secrets.list()] == ["vendor"]
    client.secrets.delete("vendor")
    assert service.secrets == {}


async def test_secrets_async(async_client: AsyncCoe, service: Service) -> None:
    await async_client.secrets.set("vendor", "s3cret")
    assert [secret.name async for secret in async_client.secrets.list()] == ["vendor"]
    await async_client.secrets.delete("vendor")
    assert service.secrets == {}


def test_usage_router_and_settings(client: Coe) -> None:
    record = client.usage.get("req-3")
    assert (record.prompt_tokens, record.completion_tokens) == (30, None)
    router = client.router.get()
    assert (router.version, router.policies["balanced"]["math"]) == ("rv-7", "ada")
    assert [(entry.name, entry.value) for entry in client.config.list()] == [("port", 8400)]


async def test_usage_router_and_settings_async(async_client: AsyncCoe) -> None:
    assert (await async_client.usage.get("req-3")).cost_usd == pytest.approx(0.003)
    assert (await async_client.router.get()).categories[0].id == "math"
    assert [entry.source async for entry in async_client.config.list()] == ["default"]


def test_health_and_readiness_need_no_key(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COE_API_KEY", raising=False)
    with Coe(base_url=service.url) as client:
        assert client.health().status == "ok"
        assert client.ready().ready
        service.is_ready = False
        report = client.ready()
        assert not report.ready
        assert report.checks == {"database": "no connection"}
        assert all("authorization" not in seen.headers for seen in service.seen)
        with pytest.raises(AuthenticationError):
            client.models.get("coe")
    assert len(service.seen) == 4


async def test_health_and_readiness_async(async_client: AsyncCoe, service: Service) -> None:
    service.is_ready = False
    assert (await async_client.health()).status == "ok"
    assert not (await async_client.ready()).ready
