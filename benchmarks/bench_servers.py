"""What asking an expert's server costs: the provider against aiohttp alone, over the same sockets in one run.

aiohttp does the least: it sends the bytes and reads the answer. The provider also encodes the request, makes its
headers, guards addresses and checks that what comes is an answer. Time is this process's own, the best of several
rounds, in alternation.

    python benchmarks/bench_servers.py [--calls 4000] [--rounds 5] [--at-once 32]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec
import uvloop
from gateway_ways import free_port, running

from experts.catalogue.expert import Endpoint, Expert
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertCall

MESSAGES = [{"role": "user", "content": "Please tell me about it. " * 20}]
EXPERT = Expert(
    id="stub", provider="openai", model="stub", endpoints=(Endpoint(url="http://stub/v1"),)
)


async def spent(ask: Callable[[], Awaitable[None]], calls: int, at_once: int) -> float:
    """Return the microseconds of the processor that a call takes here."""

    async def one_after_the_other() -> None:
        for _ in range(calls // at_once):
            await ask()

    began = time.process_time()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    return (time.process_time() - began) / (calls // at_once * at_once) * 1e6


async def measure(port: int, calls: int, rounds: int, at_once: int) -> dict[str, float]:
    url = f"http://127.0.0.1:{port}/v1"
    provider = OpenAIProvider()
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    raw = msgspec.Raw(json.dumps(MESSAGES).encode())

    def call(*, stream: bool) -> ExpertCall:
        body = {"messages": raw, "model": "stub", "stream": stream}
        return ExpertCall(EXPERT, body, url=url, request_id="req_1")

    async def plain(*, stream: bool) -> None:
        body = json.dumps({"messages": MESSAGES, "model": "stub", "stream": stream}).encode()
        headers = {"content-type": "application/json"}
        async with session.post(f"{url}/chat/completions", data=body, headers=headers) as answer:
            await answer.read()

    async def whole() -> None:
        await provider.complete(call(stream=False))

    async def streamed() -> None:
        async for _ in provider.stream(call(stream=True)):
            pass

    ways: dict[str, Callable[[], Awaitable[None]]] = {
        "whole, aiohttp alone": lambda: plain(stream=False),
        "whole, the provider": whole,
        "streamed, aiohttp alone": lambda: plain(stream=True),
        "streamed, the provider": streamed,
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(await spent(way, calls, at_once))
    await provider.aclose()
    await session.close()
    return {name: min(times) for name, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=32)
    chosen = parser.parse_args()
    port = free_port()
    with running("stub", port):
        found = uvloop.run(measure(port, chosen.calls, chosen.rounds, chosen.at_once))
    for name, microseconds in found.items():
        print(f"{name:26} {microseconds:7.1f} us")
    for kind in ("whole", "streamed"):
        ratio = found[f"{kind}, the provider"] / found[f"{kind}, aiohttp alone"]
        print(f"{kind}: {ratio:.2f} times aiohttp alone")


if __name__ == "__main__":
    main()
