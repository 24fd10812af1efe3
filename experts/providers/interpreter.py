"""A sandboxed Python: worker processes without files, network or environment, under limits.

The interpreter is ``pydantic-monty``, a subset of Python written in Rust. What goes wrong in the
code is an answer, worded so that a person or a model can act on it.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experts.providers.executable import Snippet

if TYPE_CHECKING:
    from pydantic_monty import AsyncMonty, MontyError

_MODULES = (
    "math, itertools, functools, re, json, random, collections, datetime, decimal, dataclasses"
)
_MAX_RECURSION = 500
_PATIENCE = 2.0
_ENDING = 0.1
_LARGEST_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may use.

    Args:
        seconds: Running time.
        memory_bytes: Heap of the program.
        output_chars: Printed characters.
    """

    seconds: float = 3.0
    memory_bytes: int = 64 * 1024 * 1024
    output_chars: int = 20_000

    @property
    def output_bytes(self) -> int:
        """Bytes that are collected before the program is stopped.

        Four to a character, and some more, since the piece that goes over the limit is lost.
        """
        return self.output_chars * 4 + _LARGEST_PIECE


class InterpreterCrashed(Exception):
    """A worker process died for another reason than the limits."""


class Interpreter:
    """Runs snippets, each in a fresh session of a warm worker process.

    Args:
        limits: What a program may use.
        workers: Programs that run at once; more wait.
    """

    def __init__(self, limits: Limits | None = None, *, workers: int = 2) -> None:
        self.limits = limits or Limits()
        self._workers = workers
        self._pool: AsyncMonty | None = None
        self._starting = asyncio.Lock()

    async def run(self, snippet: Snippet) -> str:
        """Run a snippet and return what it printed or came to, or why it stopped.

        Raises:
            InterpreterCrashed: If the worker died.
        """
        from pydantic_monty import CollectString, MontyError, ResourceLimits

        pool = await self._started()
        printed = CollectString(max_bytes=self.limits.output_bytes)
        limits = ResourceLimits(
            max_feed_duration_secs=self.limits.seconds,
            max_total_sleep_secs=self.limits.seconds,
            max_memory=self.limits.memory_bytes,
            max_recursion_depth=_MAX_RECURSION,
        )
        try:
            async with pool.checkout(limits=limits) as session:
                value = await session.feed_run(snippet.code, print_callback=printed)
        except MontyError as error:
            return self._cut(printed.output + self._explained(error))
        return self._cut(_shown(printed.output, value, snippet))

    async def aclose(self) -> None:
        """Stop the worker processes."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.__aexit__(None, None, None)
            # Its threads end a moment later; a process that ends before them is aborted.
            await asyncio.sleep(_ENDING)

    async def _started(self) -> AsyncMonty:
        from pydantic_monty import AsyncMonty

        async with self._starting:
            if self._pool is None:
                self._pool = await AsyncMonty(
                    max_processes=self._workers,
                    request_timeout=self.limits.seconds * 2 + _PATIENCE,
                ).__aenter__()
            return self._pool

    def _explained(self, error: MontyError) -> str:
        """Say what went wrong and what to do about it."""
        from pydantic_monty import MontyCrashedError, MontySyntaxError

        limits = self.limits
        if isinstance(error, MontyCrashedError):
            if not error.timed_out:
                raise InterpreterCrashed from error
            return f"The program was stopped: it ran longer than {limits.seconds:g} seconds."
        if f"> {limits.output_bytes} bytes" in str(error):
            return (
                f"\nThe program was stopped: it printed more than {limits.output_chars} characters."
            )
        cause = error.exception()
        if isinstance(error, MontySyntaxError):
            reason = "The program is not valid Python."
        elif isinstance(cause, TimeoutError):
            reason = f"The program was stopped: it may run for {limits.seconds:g} seconds."
        elif isinstance(cause, MemoryError):
            megabytes = limits.memory_bytes // (1024 * 1024)
            reason = f"The program was stopped: it may use {megabytes} MB of memory."
        elif isinstance(cause, ImportError):
            reason = f"A module is not available here. Available are: {_MODULES}."
        elif isinstance(cause, PermissionError):
            reason = "Files, network and environment are not available here."
        else:
            reason = "The program ended with an error."
        display = getattr(error, "display", None)
        return f"{reason}\n{display() if display else error}"

    def _cut(self, text: str) -> str:
        limit = self.limits.output_chars
        if len(text) <= limit:
            return text
        return f"{text[:limit]}\n[cut after {limit} characters]"


def _shown(printed: str, value: Any, snippet: Snippet) -> str:
    if snippet.arithmetic is not None:
        return _number(value)
    last = "" if value is None else value if isinstance(value, str) else _text_of(value)
    text = "\n".join(part for part in (printed.rstrip("\n"), last) if part)
    return text or "The program ran and printed nothing."


def _number(value: Any) -> str:
    """Write a number as people do: 12, not 12.0, and 0.3, not 0.30000000000000004."""
    return f"{value:.15g}" if isinstance(value, float) else _text_of(value)


def _text_of(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:
        if not isinstance(value, int):
            return "The result holds a number too long to be written out."
        digits = int((value.bit_length() - 1) * math.log10(2)) + 1
        return f"The result has about {digits} digits, too many to be written out."
