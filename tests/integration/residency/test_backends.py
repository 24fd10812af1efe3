"""Backends over real sockets, against servers that answer as documented."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest
from aiohttp import web

from experts.errors import (
    ExpertAnswerInvalid,
    ExpertFailed,
    ExpertMisconfigured,
    ExpertTimedOut,
    ExpertUnreachable,
    RequestRefused,
)
from experts.providers.addresses import AddressPolicy
from experts.providers.llama import LlamaOptions
from experts.residency.backends.gguf import GgufModel
from experts.residency.backends.llama_server import LlamaServerModel
from experts.residency.backends.ollama import OllamaModel
from experts.residency.backends.pages import cached_share
from experts.residency.backends.protocol import Backend
from experts.residency.backends.server import ModelServer
from experts.residency.backends.vllm import VllmModel
from experts.residency.manager import ResidencyManager
from experts.residency.policy.values import Rules
from tests.integration.residency.servers import Later, ModelHost, llama_router, ollama, vllm


def at(host: ModelHost, patience: float = 60.0) -> ModelServer:
    return ModelServer(host.url, "e", patience=patience)


class Stuck(Later):
    """Never becomes anything."""

    def become(self, first: str, then: str, seconds: float = 0.0) -> None:
        """Stay as it is."""


async def test_ollama() -> None:
    loaded = {"tiny:latest": Later("unloaded"), "big:8b": Later("unloaded")}
    async with ollama({"tiny:latest": 100, "big:8b": 900}, loaded) as host:
        model = OllamaModel(at(host), "tiny")
        assert (await model.size(), await model.is_loaded()) == (100, False)
        assert await model.load() == 107, "what it takes, as Ollama says"
        assert await model.is_loaded()
        assert not await OllamaModel(at(host), "big:8b").is_loaded()
        await model.unload()
        assert not await model.is_loaded()
        told = [body["keep_alive"] for path, body in host.asked if path == "/api/generate"]
        assert told == [-1, 0]
        with pytest.raises(ExpertMisconfigured, match="no model 'other'"):
            await OllamaModel(at(host), "other").size()
        with pytest.raises(ExpertMisconfigured):
            await OllamaModel(at(host), "other").load()


async def test_llama_server(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"x" * 321)
    paths = {"a": str(tmp_path / "a.gguf"), "broken": "/nowhere/b.gguf"}
    states = {name: Later("unloaded") for name in paths}
    async with llama_router(paths, states) as host:
        model = LlamaServerModel(at(host), "a")
        assert await model.size() == 321
        await model.load()
        assert await model.is_loaded()
        await model.load()
        assert sum(path == "/models/load" for path, _ in host.asked) == 1
        await model.unload()
        assert states["a"].value == "unloaded"
        broken = LlamaServerModel(at(host), "broken")
        with pytest.raises(ExpertMisconfigured, match="size"):
            await broken.size()
        assert await LlamaServerModel(at(host), "broken", 5).size() == 5
        with pytest.raises(ExpertFailed, match="could not be loaded"):
            await broken.load()
        with pytest.raises(ExpertMisconfigured, match="no model 'other'"):
            await LlamaServerModel(at(host), "other").load()


async def test_a_llama_server_that_loads_by_itself_is_not_told_again() -> None:
    states = {"a": Later("unloaded")}
    async with llama_router({"a": "/nowhere"}, states) as host:
        model = LlamaServerModel(at(host), "a")
        states["a"].become("loading", "loaded")
        await model.load()
        states["a"].value = "sleeping"
        assert await model.is_loaded(), "its memory is taken again when it is called"
        await model.load()
        assert [path for path, _ in host.asked if path == "/models/load"] == []
        await model.unload()
        assert not await model.is_loaded()
        with pytest.raises(RequestRefused, match="not running"):
            await model.unload()


async def test_a_llama_server_whose_load_failed_is_asked_anew() -> None:
    states = {"a": Later("failed")}
    async with llama_router({"a": "/nowhere"}, states) as host:
        await LlamaServerModel(at(host), "a").load()
        assert states["a"].value == "loaded"


async def test_a_llama_server_with_one_model_is_told_apart() -> None:
    async def models(_: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "a", "object": "model"}]})

    async with ModelHost({("GET", "/models"): models}) as host:
        with pytest.raises(ExpertMisconfigured, match="router mode"):
            await LlamaServerModel(at(host), "a").is_loaded()


async def test_vllm() -> None:
    state = Later("asleep")
    async with vllm(state) as host:
        model = VllmModel(at(host), 1000)
        assert (await model.size(), await model.is_loaded()) == (1000, False)
        await model.load()
        assert await model.is_loaded()
        await model.unload()
        assert state.value == "asleep"


async def test_where_a_model_is_that_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(os.urandom(64 * mmap.PAGESIZE))
    model = GgufModel(path, LlamaOptions())
    assert await model.place() == "mapped", "what was just written is in memory"
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if cached_share(path) == 1.0:
        pytest.skip("this file system lives in memory")
    assert await model.place() == "disk"
    path.read_bytes()
    assert await model.place() == "mapped"
    assert cached_share(tmp_path / "nowhere") is None
    (tmp_path / "empty").touch()
    assert cached_share(tmp_path / "empty") is None
    server = ModelServer("http://127.0.0.1:9", "e")
    assert await VllmModel(server, 1).place() == "mapped", "asleep, its weights are in main memory"
    assert await OllamaModel(server, "m").place() == "disk"
    assert await LlamaServerModel(server, "m").place() == "disk"


async def test_a_vllm_that_cannot_sleep_says_how_it_could() -> None:
    async with ModelHost({}) as host:
        with pytest.raises(ExpertMisconfigured, match="--enable-sleep-mode"):
            await VllmModel(at(host), 1000).is_loaded()


async def test_a_key_is_sent_and_never_told() -> None:
    async def ps(request: web.Request) -> web.Response:
        given = request.headers["authorization"]
        return web.json_response({"error": f"no: {given}"}, status=401)

    async with ModelHost({("GET", "/api/ps"): ps}) as host:
        server = ModelServer(host.url, "e", api_key="a-very-secret-key")
        with pytest.raises(ExpertMisconfigured, match="API key") as raised:
            await OllamaModel(server, "m").is_loaded()
    body = raised.value.upstream_body or b""
    assert b"no: " in body
    assert b"secret" not in body


async def test_what_a_server_says_otherwise_is_an_error() -> None:
    async def nonsense(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    async def no_list(_: web.Request) -> web.Response:
        return web.json_response({"models": 3})

    async with ModelHost({("GET", "/api/ps"): nonsense, ("GET", "/api/tags"): no_list}) as host:
        with pytest.raises(ExpertAnswerInvalid, match="/api/ps"):
            await OllamaModel(at(host), "m").is_loaded()
        with pytest.raises(ExpertAnswerInvalid, match="/api/tags"):
            await OllamaModel(at(host), "m").size()
    with pytest.raises(ExpertUnreachable):
        await OllamaModel(at(host), "m").is_loaded()
    with pytest.raises(ExpertMisconfigured, match="URL"):
        await OllamaModel(ModelServer("no url", "e"), "m").is_loaded()


async def test_connections_lead_only_where_they_may() -> None:
    async with vllm(Later("awake")) as host:
        server = ModelServer(host.url, "e", addresses=AddressPolicy.parse(""))
        with pytest.raises(ExpertMisconfigured, match="URL"):
            await VllmModel(server, 1).is_loaded()


async def test_a_model_that_never_comes_is_waited_for_only_so_long() -> None:
    states: dict[str, Later] = {"a": Stuck("loading")}
    async with llama_router({"a": "/nowhere"}, states) as host:
        model = LlamaServerModel(at(host, patience=0.1), "a")
        with pytest.raises(ExpertTimedOut, match="be loaded"):
            await model.load()


async def test_one_budget_over_servers_of_several_kinds(tmp_path: Path) -> None:
    (tmp_path / "c.gguf").write_bytes(b"x" * 60)
    loaded, states, awake = (
        {"a:latest": Later("unloaded")},
        {"c": Later("unloaded")},
        Later("awake"),
    )
    async with (
        ollama({"a:latest": 50}, loaded) as one,
        llama_router({"c": str(tmp_path / "c.gguf")}, states) as two,
        vllm(awake) as three,
    ):
        models: dict[str, Backend] = {
            "a": OllamaModel(at(one), "a"),
            "c": LlamaServerModel(at(two), "c"),
            "v": VllmModel(at(three), 70),
        }
        manager = ResidencyManager(Rules(130, prefetch=2.0))
        for name in ("v", "a", "c", "v"):
            async with manager.hold(name, models[name], expert="e"):
                in_memory = {n for n, model in models.items() if await model.is_loaded()}
                assert name in in_memory
                assert len(in_memory) <= 2
        loads = {view.name: view.loads for view in (await manager.view())}
        assert loads == {"a": 1, "c": 1, "v": 1}, "one was awake already, and slept in between"
        await manager.aclose()
