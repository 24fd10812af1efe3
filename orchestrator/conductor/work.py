"""Steps at once, in order, and told apart: what a run needs beside its own state."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.conductor.values import Ask, Said, Step, storable

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


def answered(step: Step, said: Said) -> Step:
    """Return a step with what an expert said and what that cost."""
    return replace(
        step,
        expert=said.expert,
        tool_calls=tuple(storable(said.tool_calls)),
        prompt_tokens=said.prompt_tokens,
        completion_tokens=said.completion_tokens,
        usd=said.usd,
        cached_tokens=said.cached_tokens,
        cache_write_tokens=said.cache_write_tokens,
        reasoning_tokens=said.reasoning_tokens,
        tokens_estimated=said.tokens_estimated,
        expert_version=said.version,
    )


def fingerprint(expert: str, ask: Ask) -> str:
    """Return what is the same for identical calls."""
    return digest(json.dumps([expert, ask.messages, ask.parameters], sort_keys=True, default=str))


def digest(text: str) -> str:
    """Return what stands for a text in a fingerprint."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
