"""A sandboxed Python: worker processes without files, network or environment, under limits.

The interpreter is ``pydantic-monty``, a subset of Python written in Rust. What goes wrong in the
code is an answer, worded so that a person or a model can act on it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experts.providers import last_value
from experts.providers.advice import missing
from experts.providers.executable import Snippet

if TYPE_CHECKING:
    from pydantic_monty import AsyncMonty, AsyncMontySession, CollectString, MontyError

_MAX_RECURSION = 500
_PATIENCE = 2.0
_ENDING = 0.1
_LARGEST_PIECE = 64 * 1024
_LONGEST_EXPLANATION = 2000


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
                code, kept = last_value.keep_last(snippet.code)
                await session.feed_run(code, print_callback=printed)
                last = await self._last(session, snippet) if kept else ""
        except MontyError as error:
            return _joined(self._cut(printed.output), _shortened(self._explained(error)))
        text = _joined(printed.output, last)
        return self._cut(text) or "The program ran and printed nothing."

    async def _last(self, session: AsyncMontySession, snippet: Snippet) -> str:
        """Return what the program's last expression came to."""
        from pydantic_monty import CollectString, MontyRuntimeError

        # Writing a value out may call the program's own code, and that may print.
        aside = CollectString(max_bytes=self.limits.output_bytes)
        try:
            text: str = await session.feed_run(last_value.AS_TEXT, print_callback=aside)
        except MontyRuntimeError as error:
            if not isinstance(error.exception(), ValueError):
                raise
            return await _too_long(session, aside)
        return last_value.number(text) if snippet.arithmetic else last_value.shown(text)

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
                f"The program was stopped: it printed more than {limits.output_chars} characters."
            )
        cause = error.exception()
        told = str(cause)
        if isinstance(error, MontySyntaxError):
            reason = "The program is not valid Python."
        elif isinstance(cause, TimeoutError) and "limit exceeded" in told:
            reason = f"The program was stopped: it may run for {limits.seconds:g} seconds."
        elif isinstance(cause, MemoryError) and "memory limit" in told:
            megabytes = limits.memory_bytes // (1024 * 1024)
            reason = f"The program was stopped: it may use {megabytes} MB of memory."
        elif isinstance(cause, PermissionError):
            reason = "Files, network and environment are not available here."
        else:
            advice = missing(type(cause).__name__, told)
            reason = advice or "The program ended with an error."
        display = getattr(error, "display", None)
        return f"{reason}\n{display() if display else error}"

    def _cut(self, text: str) -> str:
        limit = self.limits.output_chars
        if len(text) <= limit:
            return text
        return f"{text[:limit]}\n[cut after {limit} characters]"


def _shortened(explanation: str) -> str:
    """Leave out the middle of a long explanation: its ends say what went wrong."""
    if len(explanation) <= _LONGEST_EXPLANATION:
        return explanation
    half = _LONGEST_EXPLANATION // 2
    return f"{explanation[:half]} [...] {explanation[-half:]}"


def _joined(printed: str, last: str) -> str:
    return "\n".join(part for part in (printed.rstrip("\n"), last) if part)


async def _too_long(session: AsyncMontySession, aside: CollectString) -> str:
    from pydantic_monty import MontyRuntimeError

    try:
        return last_value.too_long(await session.feed_run(last_value.AS_HEX, print_callback=aside))
    except MontyRuntimeError:
        return "The result holds a number too long to be written out."
