"""Steps at once, in order, and told apart: what a run needs beside its own state."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any

from experts.pricing import nanos_of, usd_of
from orchestrator.conductor.values import Ask, Said, Step

Work = Callable[[Step], Coroutine[Any, Any, Step]]
"""Begins a step and finishes it."""


@dataclass(slots=True)
class Numbers:
    """The order in which steps begin, on all levels together."""

    last: int = 0

    def next(self) -> int:
        """Return the number of the step that begins now."""
        self.last += 1
        return self.last


async def together(steps: Iterable[Awaitable[Step]]) -> list[Step]:
    """Do several steps at once.

    Raises:
        LimitReached: Where a limit stands in the way of one; the others are finished first.
    """
    found = await asyncio.gather(*steps, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return [each for each in found if isinstance(each, Step)]


def paid(step: Step, before: Step | None, said: Said) -> Step:
    """Return a step with what it has cost, in place of what was thought before.

    Args:
        step: The step.
        before: The same step when it was given up, if it was: that is paid for too.
        said: What an expert said, or what was paid for nothing.
    """
    prompt, completion = said.prompt_tokens, said.completion_tokens
    nanos, estimated = nanos_of(said.usd), said.tokens_estimated
    cached, written, thought = said.cached_tokens, said.cache_write_tokens, said.reasoning_tokens
    if before is not None:
        prompt, completion = prompt + before.prompt_tokens, completion + before.completion_tokens
        nanos, estimated = nanos + nanos_of(before.usd), estimated or before.tokens_estimated
        cached += before.cached_tokens
        written += before.cache_write_tokens
        thought += before.reasoning_tokens
    return replace(
        step,
        expert=said.expert,
        prompt_tokens=prompt,
        completion_tokens=completion,
        usd=usd_of(nanos),
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=thought,
        tokens_estimated=estimated,
        expert_version=said.version,
    )


def fingerprint(expert: str, ask: Ask) -> str:
    """Return what is the same for identical calls."""
    return digest(json.dumps([expert, ask.messages, ask.parameters], sort_keys=True, default=str))


def digest(text: str) -> str:
    """Return what stands for a text in a fingerprint."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
