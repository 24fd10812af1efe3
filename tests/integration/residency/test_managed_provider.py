"""Calls of models on a server that we manage wait for them; settings name such servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from math import inf
from typing import Any

import msgspec
import pytest
from aiohttp import web

from experts.catalogue.expert import Endpoint, Expert
from experts.errors import ExpertMisconfigured
from experts.providers.managed import ManagedProvider
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertCall
from experts.residency.backends.configured import backend_of
from experts.residency.manager import ResidencyManager
from experts.residency.policy.values import Rules
from experts.residency.servers import ManagedServer, parse_servers
from tests.integration.residency.servers import Later, ModelHost, ollama
from tests.integration.routers.conftest import MakeReplica

ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
EVENTS = (
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
)
SIZES = {f"{name}:latest": 100 for name in "abc"}


def answering(loaded: dict[str, Later]) -> ModelHost:
    """Return an Ollama that answers with what is loaded, and with nothing else."""
    host = ollama(SIZES, loaded)

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if loaded[body["model"] + ":latest"].value != "loaded":
            return web.json_response({"error": {"message": "not loaded"}}, status=500)
        if not body.get("stream"):
            return web.json_response(ANSWER)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for event in EVENTS:
            await response.write(event)
        return response

    host.add("POST", "/v1/chat/completions", chat)
    return host


@pytest.fixture
async def loaded() -> dict[str, Later]:
    return {name: Later("unloaded") for name in SIZES}


@pytest.fixture
async def host(loaded: dict[str, Later]) -> AsyncIterator[ModelHost]:
    async with answering(loaded) as running:
        yield running


def call(host: ModelHost, model: str, *, stream: bool = False) -> ExpertCall:
    expert = Expert(id=model, provider="openai", model=model, endpoints=(Endpoint(url=host.url),))
    body = {"model": model, "messages": msgspec.Raw(b"[]"), "stream": stream}
    return ExpertCall(expert=expert, body=body, url=host.url)


async def test_calls_wait_until_their_model_is_loaded(
    host: ModelHost, loaded: dict[str, Later]
) -> None:
    manager = ResidencyManager(Rules(220, prefetch=2.0))
    servers = parse_servers(f"ollama={host.url}")
    provider = ManagedProvider(OpenAIProvider(), manager, servers)
    await asyncio.gather(*(provider.complete(call(host, "abc"[n % 3])) for n in range(9)))
    blocks = [block async for block in provider.stream(call(host, "a", stream=True))]
    assert b"".join(blocks) == b"".join(EVENTS)
    views = await manager.view()
    assert sum(view.loads for view in views) <= 4
    assert [view.experts for view in views] == [("a",), ("b",), ("c",)]
    assert sum(state.value == "loaded" for state in loaded.values()) == 2
    await provider.aclose()
    assert sum(state.value == "loaded" for state in loaded.values()) == 2, "others may use them"


async def test_a_stream_that_is_given_up_gives_its_place_back(host: ModelHost) -> None:
    manager = ResidencyManager(Rules(inf))
    provider = ManagedProvider(OpenAIProvider(), manager, parse_servers(f"ollama={host.url}"))
    stream = provider.stream(call(host, "a", stream=True))
    await anext(stream)
    assert (await manager.view())[0].in_use == 1
    await stream.aclose()
    assert (await manager.view())[0].in_use == 0
    await provider.aclose()


async def test_other_servers_are_called_as_they_are(
    host: ModelHost, loaded: dict[str, Later]
) -> None:
    loaded["a:latest"].value = "loaded"
    manager = ResidencyManager(Rules(inf))
    provider = ManagedProvider(
        OpenAIProvider(), manager, parse_servers("ollama=http://127.0.0.1:9")
    )
    assert (await provider.complete(call(host, "a"))).usage is not None
    assert (await manager.view()) == []
    await provider.aclose()


def test_servers_are_read_as_operators_write_them() -> None:
    assert parse_servers("") == ()
    assert parse_servers("ollama=http://a:1/v1/, vllm=https://b@20GB,llama.cpp=http://c@1.5g") == (
        ManagedServer("ollama", "http://a:1"),
        ManagedServer("vllm", "https://b", 20 * 10**9),
        ManagedServer("llama.cpp", "http://c", 1_500_000_000),
    )


@pytest.mark.parametrize("text", ["http://a", "lmstudio=http://a", "ollama=a", "vllm=http://a@big"])
def test_servers_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.split("@")[-1]):
        parse_servers(text)


def test_a_vllm_needs_its_size() -> None:
    with pytest.raises(ExpertMisconfigured, match="@20GB"):
        backend_of(ManagedServer("vllm", "http://a"), "m", "e")


async def test_a_service_keeps_a_server_within_its_budget_and_shows_what_is_where(
    host: ModelHost, loaded: dict[str, Later], make_replica: MakeReplica
) -> None:
    replica = await make_replica(residency_budget="220", residency_servers=f"ollama={host.url}")
    experts = [call(host, name).expert for name in "abc"]
    await replica.services.catalogue.apply(experts, by="test", prune=True)

    async def ask(name: str) -> int:
        body = {"model": name, "messages": [{"role": "user", "content": "hi"}]}
        return (await replica.client.post("/v1/chat/completions", json=body)).status_code

    assert set(await asyncio.gather(*(ask("abc"[n % 3]) for n in range(9)))) == {200}
    path = "/admin/api/residency"
    first = (await replica.client.get(path, params={"limit": 2})).json()
    rest = (await replica.client.get(path, params={"limit": 2, "after": first["next"]})).json()
    models = [*first["data"], *rest["data"]]
    assert [each["experts"] for each in models] == [["a"], ["b"], ["c"]]
    taken = [each["size"] for each in models if each["state"] != "disk"]
    assert 107 in taken, "as Ollama said"
    assert sum(taken) <= 220
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert (await replica.client.get(path, params={"after": "x"})).status_code == 400


async def test_what_the_router_thought_likely_counts_for_what_is_expected(
    host: ModelHost, make_replica: MakeReplica
) -> None:
    replica = await make_replica(residency_budget="220", residency_servers=f"ollama={host.url}")
    await replica.services.catalogue.apply([call(host, "a").expert], by="test", prune=True)
    body = {"model": "coe", "messages": [{"role": "user", "content": "what is one and one?"}]}
    answer = await replica.client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    traffic = replica.services.residency._manager._scheduler._traffic
    asked = (await replica.client.post("/v1/route", json={"input": "what is one and one?"})).json()
    kinds = {
        f"category {category}": pytest.approx(share)
        for category, share in asked["probabilities"].items()
    }
    assert len(kinds) > 1
    assert traffic._recent_kinds.shares() == kinds


async def test_an_operator_loads_pins_and_unloads(
    host: ModelHost, loaded: dict[str, Later], make_replica: MakeReplica
) -> None:
    replica = await make_replica(residency_budget="220", residency_servers=f"ollama={host.url}")
    scripted = Expert(id="elsewhere", provider="scripted", model="echo")
    experts = [*(call(host, name).expert for name in "abc"), scripted]
    await replica.services.catalogue.apply(experts, by="test", prune=True)
    path = "/admin/api/residency"

    async def listed() -> dict[str, dict[str, Any]]:
        rows = (await replica.client.get(path)).json()["data"]
        return {row["experts"][0]: row for row in rows}

    async def change(what: str, expert: str) -> tuple[int, Any]:
        answer = await replica.client.post(f"{path}/{what}", json={"expert": expert})
        said = answer.json()
        if answer.status_code >= 400:
            return answer.status_code, said["error"]["code"]
        assert said["expert"] == expert
        return 200, said["models"][0]

    before = await listed()
    assert {(row["state"], row["size"]) for row in before.values()} == {("unknown", None)}
    assert host.asked == [], "a list asks no server"

    _, model = await change("load", "a")
    assert (model["state"], model["size"], model["measured"]) == ("loaded", 107, True)
    assert model["share"] == 0.0, "what an operator wants says nothing of requests to come"
    assert (await change("pin", "a"))[1]["pinned"] is True
    for name in "bc":
        assert (await change("load", name))[1]["state"] == "loaded"
    assert {name: row["state"] for name, row in (await listed()).items()} == {
        "a": "loaded",
        "b": "disk",
        "c": "loaded",
    }
    memory = (await replica.client.get(f"{path}/memory")).json()
    assert (memory["budget"], memory["used"], memory["pinned"]) == (220, 214, 107)
    assert memory["states"] == {"loading": 0, "loaded": 2, "unloading": 0}

    assert await change("pin", "b") == (409, "no_room_to_pin")
    assert await change("unload", "a") == (409, "model_in_use")
    assert (await change("unpin", "a"))[1]["pinned"] is False
    assert (await change("unload", "a"))[1]["state"] == "disk"
    assert (await change("unload", "a"))[0] == 200, "it is out already"
    assert loaded["a:latest"].value == "unloaded"
    assert await change("load", "nobody") == (404, "expert_not_found")
    assert await change("load", "elsewhere") == (400, "expert_not_local")
    loaded.clear()
    assert await change("load", "b") == (502, "expert_failed")

    log = (await replica.client.get("/admin/api/audit", params={"limit": 200})).json()["data"]
    assert "POST /admin/api/residency/pin" in {entry["action"] for entry in log}
    metrics = (await replica.client.get("/metrics")).text
    assert 'coe_residency_loads_total{expert="b",outcome="ok"} 1.0' in metrics
    assert 'coe_residency_loads_total{expert="b",outcome="failed"} 1.0' in metrics
    assert 'coe_residency_evictions_total{expert="a"} 1.0' in metrics
    assert "coe_residency_budget_bytes 220.0" in metrics

    made = await replica.client.post("/admin/api/keys", json={"name": "eyes", "role": "viewer"})
    eyes = {"authorization": f"Bearer {made.json()['key']}"}
    assert (await replica.client.get(path, headers=eyes)).status_code == 200
    for what in ("load", "unload", "pin", "unpin"):
        answer = await replica.client.post(f"{path}/{what}", json={"expert": "a"}, headers=eyes)
        assert answer.status_code == 403, "viewers look, and do not touch"
