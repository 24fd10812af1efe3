"""What the calling layer adds to a call: the caller against its provider alone, in one run.

The provider answers at once and from memory, so what is left is the layer: ranking, endpoint, breaker,
deadlines (of the whole, the first token and silence), hold-back and the list of attempts. Time is the
processor's own, and the best of several rounds counts: whatever else runs on the machine only adds to it.

    python benchmarks/bench_calls.py [--calls 5000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from experts.calling.call import CallOptions, ExpertCaller
from experts.calling.prepare import prepare
from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import environment_secrets
from experts.catalogue.expert import Endpoint, Expert
from experts.providers.protocol import ExpertAnswer, ExpertCall, Usage
from experts.providers.sse import DONE

FIELDS = {"messages": msgspec.Raw(b'[{"role":"user","content":"one two three"}]')}
BODY = b'{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"one two"},' \
       b'"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}'  # fmt: skip
PIECES = (
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n',
    *[b'data: {"choices":[{"index":0,"delta":{"content":"one "}}]}\n\n'] * 30,
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":30}}\n\n' + DONE,
)


class Instant:
    """Answers at once."""

    async def complete(self, _: ExpertCall) -> ExpertAnswer:
        """Return the same answer to everything."""
        return ExpertAnswer(BODY, Usage(3, 2))

    async def stream(self, _: ExpertCall) -> AsyncIterator[bytes]:
        """Yield the same pieces to everybody."""
        for piece in PIECES:
            yield piece

    async def aclose(self) -> None:
        """Do nothing."""


EXPERTS = [
    Expert(
        id=name,
        provider="scripted",
        model="echo",
        endpoints=(Endpoint(url="http://a/v1"), Endpoint(url="http://b/v1")),
    )
    for name in ("first", "second", "third")
]


def ways(provider: Instant, caller: ExpertCaller) -> dict[str, Callable[[], Awaitable[Any]]]:
    def call(*, stream: bool) -> ExpertCall:
        return ExpertCall(EXPERTS[0], prepare(EXPERTS[0], FIELDS, stream=stream).body)

    async def read_alone() -> None:
        async for _ in provider.stream(call(stream=True)):
            pass

    async def read() -> None:
        async with await caller.stream(EXPERTS, FIELDS, CallOptions()) as stream:
            async for _ in stream:
                pass

    return {
        "whole, provider alone": lambda: provider.complete(call(stream=False)),
        "whole, through the caller": lambda: caller.complete(EXPERTS, FIELDS, CallOptions()),
        "streamed, provider alone": read_alone,
        "streamed, through the caller": read,
    }


async def best(way: Callable[[], Awaitable[Any]], calls: int, rounds: int) -> float:
    """Return the microseconds of one call in the best round."""
    found = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(calls):
            await way()
        found.append((time.process_time() - began) / calls * 1e6)
    return min(found)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    provider = Instant()
    caller = ExpertCaller(ProviderRegistry({"scripted": provider}), environment_secrets({}))
    times = {
        name: await best(way, options.calls, options.rounds)
        for name, way in ways(provider, caller).items()
    }
    for name, microseconds in times.items():
        print(f"{name:30} {microseconds:7.1f} us")
    for kind in ("whole", "streamed"):
        added = times[f"{kind}, through the caller"] - times[f"{kind}, provider alone"]
        print(f"{kind}: the layer adds {added:.1f} us")


if __name__ == "__main__":
    asyncio.run(main())
