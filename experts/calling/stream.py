"""A stream that has begun: its first real piece is here, and nobody has seen any of it yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Self

from experts.calling.alarm import Alarm
from experts.calling.attempts import Attempt
from experts.calling.content import Beginning
from experts.calling.ongoing import Ongoing, unforeseen
from experts.catalogue.expert import Expert
from experts.errors import ExpertAnswerInvalid, ExpertError
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
        alarm: Ends the wait for its first real piece.
        whole: Seconds until its end, from when the alarm was made.
        usage_wanted: Whether the chunk that counts tokens is passed on.
        attempts: Everything that was tried for this answer.
    """

    __slots__ = (
        "_alarm",
        "_blocks",
        "_first",
        "_ongoing",
        "_usage_wanted",
        "_whole",
        "attempts",
        "expert",
        "usage",
    )

    def __init__(
        self,
        expert: Expert,
        ongoing: Ongoing,
        blocks: AsyncIterator[bytes],
        alarm: Alarm,
        whole: float,
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
        self._alarm = alarm
        self._whole = whole
        self._usage_wanted = usage_wanted
        self._first: bytes | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            self._ongoing.attempt.sent = True
            return first
        alarm = self._alarm
        while True:
            try:
                alarm.begin()
                block = await self._blocks.__anext__()
            except BaseException as error:
                ours = self._ended(alarm.broken(error))
                if ours is error:
                    raise
                raise ours from error
            alarm.end()
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
        await self._stop()

    async def discard(self) -> None:
        """Close a stream that nobody has seen anything of, since another was quicker."""
        await self.aclose()
        self._ongoing.attempt.outcome = "cancelled"

    async def begin(self) -> Self:
        """Wait for the first real piece, so that a failure before it can still be answered otherwise.

        Raises:
            ExpertError: If the stream fails, ends without an answer, or does not say anything.
        """
        try:
            held = await self._held()
        except StopAsyncIteration:
            self._alarm.cancel()
            message = f"expert '{self.expert.id}' streamed nothing"
            raise ExpertAnswerInvalid(message, expert=self.expert.id) from None
        except BaseException:
            await self._stop()
            raise
        self._ongoing.begun()
        self._alarm.go_on("the end of its answer", self._whole)
        self._first = b"".join([self._passed(block) for block in held]) or None
        return self

    async def _held(self) -> list[bytes]:
        """Return the first blocks, up to the one that says something."""
        beginning, held, size = Beginning(), list[bytes](), 0
        try:
            while size <= _HELD_BYTES:
                block = await self._alarm.wait_for(self._blocks.__anext__)
                held.append(block)
                if beginning.says(block):
                    return held
                size += len(block)
        except ExpertError as error:
            error.produced = b"".join((*held, error.produced))
            raise
        message = f"expert '{self.expert.id}' streamed much and said nothing"
        raise ExpertAnswerInvalid(message, expert=self.expert.id)

    def _ended(self, error: BaseException) -> BaseException:
        """Note how the stream has ended; return what is raised."""
        self._alarm.cancel()
        if isinstance(error, StopAsyncIteration) and not self._ongoing.ended:
            message = f"expert '{self.expert.id}' ended its stream without saying so"
            error = ExpertAnswerInvalid(message, expert=self.expert.id)
        if not isinstance(error, Exception) or isinstance(error, StopAsyncIteration):
            return error
        failure = error if isinstance(error, ExpertError) else unforeseen(error, self.expert.id)
        if self._alarm.silent:
            self._ongoing.fair = True  # its silence was long enough, however little time it had
        self._ongoing.failed(failure)
        return failure

    async def _stop(self) -> None:
        self._alarm.cancel()
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
            self._alarm.cancel()
            self._ongoing.succeeded(self.usage)
        return passed
