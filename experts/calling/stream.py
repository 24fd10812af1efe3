"""A stream that has begun: its first real piece is here, and nobody has seen any of it yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Self

from experts.calling.attempts import Attempt
from experts.calling.content import Beginning
from experts.calling.ongoing import Ongoing, unforeseen
from experts.catalogue.expert import Expert
from experts.errors import ExpertAnswerInvalid, ExpertError, ExpertTimedOut
from experts.providers.protocol import Usage
from experts.providers.sse import DONE, usage_taken

_HELD_BYTES = 4 * 1024 * 1024
"""Of a stream that says nothing; more is not kept."""


class ExpertStream:
    """Blocks of whole events, the last one ending with ``[DONE]``.

    Iterate it once; close it with :meth:`aclose` (or ``async with``) when leaving early, which
    tells the expert to stop.

    Args:
        expert: The entry of the expert that answers.
        ongoing: Is told how the stream ends; one that was left early says nothing.
        blocks: What its provider streams.
        usage_wanted: Whether the chunk that counts tokens is passed on.
        attempts: Everything that was tried for this answer.
    """

    __slots__ = (
        "_blocks",
        "_first",
        "_ongoing",
        "_usage_wanted",
        "attempts",
        "expert",
        "usage",
    )

    def __init__(
        self,
        expert: Expert,
        ongoing: Ongoing,
        blocks: AsyncIterator[bytes],
        *,
        usage_wanted: bool,
        attempts: Sequence[Attempt] = (),
    ) -> None:
        self.expert = expert
        self.attempts = attempts
        self.usage: Usage | None = None
        """Known once the last block has been read, where the expert counts tokens."""
        self._ongoing = ongoing
        self._blocks = blocks
        self._usage_wanted = usage_wanted
        self._first: bytes | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            self._ongoing.attempt.sent = True
            return first
        while True:
            try:
                block = await self._blocks.__anext__()
            except StopAsyncIteration:
                raise
            except ExpertError as error:
                self._ongoing.failed(error)
                raise
            except Exception as error:
                ours = unforeseen(error, self.expert.id)
                self._ongoing.failed(ours)
                raise ours from error
            if b'"usage"' in block or block.endswith(DONE):
                block = self._passed(block)
            if block:
                return block

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop the expert and release what the call held."""
        self._ongoing.left()
        await self._close_blocks()

    async def discard(self) -> None:
        """Close a stream that nobody has seen anything of, since another was quicker."""
        await self.aclose()
        self._ongoing.attempt.outcome = "cancelled"

    async def begin(self, seconds: float) -> Self:
        """Wait for the first real piece, so that a failure before it can still be answered otherwise.

        Args:
            seconds: How long; the first block of any kind is waited for by the provider.

        Raises:
            ExpertError: If the stream fails, ends without an answer, or does not say anything.
        """
        try:
            held = await self._held(asyncio.get_running_loop().time() + seconds)
        except StopAsyncIteration:
            message = f"expert '{self.expert.id}' streamed nothing"
            raise ExpertAnswerInvalid(message, expert=self.expert.id) from None
        except BaseException:
            await self._close_blocks()
            raise
        self._ongoing.begun()
        self._first = b"".join([self._passed(block) for block in held]) or None
        return self

    async def _held(self, by: float) -> list[bytes]:
        """Return the first blocks, up to the one that says something."""
        beginning = Beginning()
        held = [await self._blocks.__anext__()]
        if beginning.says(held[0]):
            return held
        size = len(held[0])
        try:
            async with asyncio.timeout_at(by):
                while size <= _HELD_BYTES:
                    held.append(await self._blocks.__anext__())
                    if beginning.says(held[-1]):
                        return held
                    size += len(held[-1])
        except ExpertError as error:
            error.produced = b"".join((*held, error.produced))
            raise
        except TimeoutError as error:
            message = f"expert '{self.expert.id}': the first token did not come in time"
            raise ExpertTimedOut(message, expert=self.expert.id) from error
        message = f"expert '{self.expert.id}' streamed much and said nothing"
        raise ExpertAnswerInvalid(message, expert=self.expert.id)

    async def _close_blocks(self) -> None:
        close = getattr(self._blocks, "aclose", None)
        if close is not None:
            await close()

    def _passed(self, block: bytes) -> bytes:
        """Note what a block says of usage and of the end; return what the caller gets of it."""
        passed = block
        if b'"usage"' in block:
            usage, rest = usage_taken(block)
            self.usage = self._ongoing.attempt.usage = usage or self.usage
            passed = block if self._usage_wanted else rest
        if block.endswith(DONE):
            self._ongoing.succeeded(self.usage)
        return passed
