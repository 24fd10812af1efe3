"""A provider that does as it is told, call by call, and experts for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from experts.calling.call import ExpertCaller
from experts.calling.health import ExpertHealth
from experts.calling.options import CallRules
from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import environment_secrets
from experts.catalogue.expert import Endpoint, Expert
from experts.errors import ExpertFailed
from experts.providers.protocol import ExpertAnswer, ExpertCall, Usage
from experts.providers.sse import DONE

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
SAYS = b'data: {"choices":[{"index":0,"delta":{"content":"one"}}]}\n\n'
MORE = b'data: {"choices":[{"index":0,"delta":{"content":" two"}}]}\n\n'
ENDS = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
COUNTS = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
STREAM = (ROLE, SAYS, MORE, ENDS, COUNTS + DONE)
BODY = b'{"choices":[{"message":{"content":"one"},"finish_reason":"stop"}]}'

Doing = Any
"""A body, blocks, an error, seconds to wait, or several of these in turn."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Playing:
    """Does for each place (``expert`` or ``expert@url``) what is listed; the last of it repeats."""

    def __init__(self, **script: list[Doing]) -> None:
        self.script = script
        self.calls: list[ExpertCall] = []
        self.running = 0
        self.cancelled = 0

    @property
    def asked(self) -> list[str]:
        return [place(call) for call in self.calls]

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        with self._counted():
            doing = self._next(call)
            for step in doing if isinstance(doing, tuple) else (doing,):
                await act(step)
                if isinstance(step, bytes):
                    return ExpertAnswer(step, Usage(3, 2))
        raise AssertionError("nothing was answered")

    async def stream(self, call: ExpertCall) -> AsyncIterator[bytes]:
        with self._counted():
            doing = self._next(call)
            for step in doing if isinstance(doing, tuple) else (doing,):
                await act(step)
                if isinstance(step, bytes):
                    yield step

    async def aclose(self) -> None:
        return

    def _next(self, call: ExpertCall) -> Doing:
        self.calls.append(call)
        steps = self.script.get(place(call), self.script.get(call.expert.id, [BODY]))
        return steps.pop(0) if len(steps) > 1 else steps[0]

    def _counted(self) -> _Counted:
        return _Counted(self)


class _Counted:
    def __init__(self, playing: Playing) -> None:
        self.playing = playing

    def __enter__(self) -> None:
        self.playing.running += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.playing.running -= 1
        cancelled = kind is not None and issubclass(kind, asyncio.CancelledError | GeneratorExit)
        self.playing.cancelled += cancelled


async def act(step: Doing) -> None:
    if isinstance(step, BaseException):
        raise step
    if isinstance(step, float):
        await asyncio.sleep(step)


def place(call: ExpertCall) -> str:
    return f"{call.expert.id}@{call.url}" if call.url else call.expert.id


def expert(name: str, *urls: str, **fields: Any) -> Expert:
    endpoints = tuple(Endpoint(url=url) for url in urls)
    return Expert(id=name, provider="scripted", model="echo", endpoints=endpoints, **fields)


def status(code: int, kind: type[ExpertFailed] = ExpertFailed, **more: Any) -> ExpertFailed:
    error = kind(f"HTTP {code}", upstream_status=code)
    for name, value in more.items():
        setattr(error, name, value)
    return error


def make_caller(
    provider: Playing,
    health: ExpertHealth | None = None,
    *,
    chance: Callable[[], float] = lambda: 0.01,
    **rules: Any,
) -> ExpertCaller:
    registry = ProviderRegistry({"scripted": provider})
    return ExpertCaller(
        registry, environment_secrets({}), health, CallRules(**rules), chance=chance
    )
