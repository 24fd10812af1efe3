from __future__ import annotations

import asyncio
import time

from experts.calling.call import ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import environment_secrets
from experts.discovery.discover import discover
from experts.discovery.localhost import LocalServer, http_probe
from experts.providers.scripted_server import ScriptedServer


async def test_a_server_that_listens_is_found_and_can_be_called(unused_tcp_port: int) -> None:
    async with ScriptedServer("fixed:hello", models=("tiny:1b", "nomic-embed-text")) as server:
        servers = (
            LocalServer("ollama", "Ollama", server.port),
            LocalServer("vllm", "vLLM", unused_tcp_port),
        )
        found = await discover({}, servers=servers)
        assert [expert.id for expert in found.experts] == ["ollama-tiny-1b", "python"]
        lines = [str(finding) for finding in found.findings]
        assert f"found: Ollama on port {server.port}: ollama-tiny-1b" in lines
        assert f"not found: vLLM on port {unused_tcp_port}" in lines

        caller = ExpertCaller(ProviderRegistry(), environment_secrets({}))
        fields = {"messages": [{"role": "user", "content": "x"}]}
        assert b"hello" in (await caller.complete(found.experts[0], fields)).body
        await caller.aclose()


async def test_our_own_port_is_not_asked() -> None:
    async with ScriptedServer("echo", models=("m",)) as server:
        servers = (LocalServer("vllm", "vLLM", server.port),)
        found = await discover({}, servers=servers, own_ports={server.port})
    assert {expert.id for expert in found.experts} == {"smollm2", "smollm2-code", "python"}


async def test_a_port_that_says_nothing_costs_a_moment() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    servers = [await asyncio.start_server(silent, "127.0.0.1", 0) for _ in range(4)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    began = time.perf_counter()
    found = await discover({}, servers=[LocalServer("x", "X", port) for port in ports])
    assert time.perf_counter() - began < 1.0  # all at once: one wait of 0.3 s, not four
    assert len(found.experts) == 3
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_a_web_server_that_is_something_else() -> None:
    async with ScriptedServer("echo") as server:
        assert await http_probe(f"http://127.0.0.1:{server.port}/nothing/here") is None
        assert await http_probe(f"{server.url}/models") is not None
