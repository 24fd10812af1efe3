"""The events of a run as they come; a stream that breaks off is taken up where it was."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from coe_client.errors import APIConnectionError, APIResponseInvalidError
from coe_client.operations import runs as operations
from coe_client.requests import parse
from coe_client.sse import EventDecoder, EventTooLarge
from coe_client.types.runs import RunEvent

if TYPE_CHECKING:
    from coe_client.transport import AsyncTransport, Transport

_LAST = "run.finished"
_TRIES = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class _Progress:
    """Where a stream is, and how often in a row it was no further."""

    def __init__(self, after: str | None) -> None:
        self.after = after
        self.ended = False
        self._idle = 0
        self._decoder = EventDecoder()

    def begin(self) -> None:
        """Note that a connection begins."""
        self._decoder = EventDecoder()

    def feed(self, piece: bytes) -> Iterator[RunEvent]:
        """Yield the events that a piece completes."""
        try:
            for event in self._decoder.feed(piece):
                found = parse(RunEvent, event.data, request_id=None)
                self.after, self.ended, self._idle = found.id, found.type == _LAST, 0
                yield found
        except EventTooLarge as error:
            raise APIResponseInvalidError(
                f"The stream cannot be read: {error}.", request_id=None
            ) from error

    def pause(self, error: APIConnectionError | None) -> float:
        """Return the seconds to wait before the next connection.

        Raises:
            APIConnectionError: If there were enough without any event.
        """
        self._idle += 1
        if self._idle > _TRIES:
            told = "The stream broke off again and again before the run had ended."
            raise error or APIConnectionError(told, request_id=None)
        return float(min(_FIRST_PAUSE * 2 ** (self._idle - 1), _LONGEST_PAUSE))


def watch(transport: Transport, run_id: str, after: str | None) -> Generator[RunEvent]:
    """Yield the events of a run until it has ended.

    Args:
        transport: To the service.
        run_id: The run.
        after: Id of the last event that is known; ``None``: from the beginning.
    """
    progress = _Progress(after)
    while True:
        broken: APIConnectionError | None = None
        progress.begin()
        try:
            with closing(transport.pieces(operations.watch_run(run_id, progress.after))) as pieces:
                for piece in pieces:
                    yield from progress.feed(piece)
                    if progress.ended:
                        return
        except APIConnectionError as error:
            broken = error
        transport.wait(progress.pause(broken))


async def watch_async(
    transport: AsyncTransport, run_id: str, after: str | None
) -> AsyncGenerator[RunEvent]:
    """As :func:`watch`."""
    progress = _Progress(after)
    while True:
        broken: APIConnectionError | None = None
        progress.begin()
        try:
            stream = transport.pieces(operations.watch_run(run_id, progress.after))
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    for event in progress.feed(piece):
                        yield event
                    if progress.ended:
                        return
        except APIConnectionError as error:
            broken = error
        await transport.wait(progress.pause(broken))
