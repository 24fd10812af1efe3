"""Commands to Redis that many requests have at the same moment, sent together.

What a round trip costs this process is mostly the trip: finding a connection, one system call to write, one
to read, and waking up. What is asked for in one turn of the loop goes out in one write (uvloop sees to that),
and nobody waits for the replies to others. The client's pipelines would do, but they take several times as
long: each command becomes an object, is packed in Python, and each reply is waited for under a time limit of
its own. So the client makes the connection, with all that belongs to it, and this takes it over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import msgspec
from hiredis import ProtocolError, PushNotification, Reader, pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

Command = tuple[str | bytes | int, ...]
"""A command and its arguments, as Redis has them."""
_NOT_YET = object()


class _Asked(msgspec.Struct):
    """What one owner has asked for."""

    packed: bytes
    left: int
    """Replies that have not come."""
    done: asyncio.Future[list[Any]]
    replies: list[Any] = []
    at: float = 0.0
    """When it was sent, by the clock of the loop."""
    again: bool = False
    """Whether it was sent once before, over a connection that has ended."""


class Together:
    """Sends commands in the order in which they were asked for, over one connection.

    They are not a transaction: others' commands may come between those of one request, and where Redis
    dies in the middle, the first have been done and the last have not. What is under way when a connection
    ends is sent once more over a new one; so commands have to be such that twice does no harm.

    Args:
        redis: Where to.
        seconds: Until the replies to a command must be here; ``None``: as long as the client would wait.
    """

    def __init__(self, redis: Redis, seconds: float | None = None) -> None:
        self._redis = redis
        of_client = redis.connection_pool.connection_kwargs.get("socket_timeout")
        self._seconds: float | None = of_client if seconds is None else seconds
        self._line: _Line | None = None
        self._connection: AbstractConnection | None = None
        self._unsent: list[_Asked] = []
        self._connecting: asyncio.Task[None] | None = None

    async def run(self, *commands: Command) -> list[Any]:
        """Send commands; they are sent also if whoever asks is cancelled meanwhile.

        Args:
            commands: What is to be done.

        Returns:
            Their replies; an exception stands for the reply to one that failed.

        Raises:
            RedisError: If Redis does not answer.
        """
        if not commands:
            return []
        loop = asyncio.get_running_loop()
        # The stub of hiredis knows commands of one word.
        packed = b"".join([pack_command(one) for one in commands])  # type: ignore[arg-type]
        asked = _Asked(packed, len(commands), loop.create_future())
        line = self._line
        if line is not None and line.open and not self._unsent:
            line.send(asked)
        else:
            self._unsent.append(asked)
            self._send_waiting()
        return await asked.done

    def _send_waiting(self) -> None:
        """Send what waits for a connection, or make one."""
        line = self._line
        if line is not None and line.open:
            unsent, self._unsent = self._unsent, []
            for asked in unsent:
                line.send(asked)
        elif self._connecting is None and self._unsent:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                self._line = await self._line_anew()
        except Exception as error:  # noqa: BLE001 (each of those who asked is told)
            late = isinstance(error, TimeoutError)
            told = RedisTimeoutError("Redis does not answer in time") if late else error
            unsent, self._unsent = self._unsent, []
            _tell(unsent, told)
        finally:
            self._connecting = None
        self._send_waiting()

    async def _line_anew(self) -> _Line:
        """Return a connection as the client makes it: with its address, TLS, password and database."""
        pool, before = self._redis.connection_pool, self._connection
        if before is not None:
            self._connection = None
            await before.disconnect(nowait=True)
            await pool.release(before)
        self._connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        writer = self._connection._writer  # noqa: SLF001 (there is no other way to what it has made)
        assert writer is not None  # noqa: S101 (it is connected)
        transport = cast("asyncio.Transport", writer.transport)
        owner = cast("asyncio.Protocol", transport.get_protocol())
        line = _Line(transport, owner, self._seconds, self._ended)
        transport.set_protocol(line)
        return line

    def _ended(self, waiting: Sequence[_Asked], error: Exception) -> None:
        """Send what was under way once more, unless it was too late."""
        late = isinstance(error, RedisTimeoutError)
        again = [] if late else [one for one in waiting if not one.again]
        _tell((one for one in waiting if one not in again), error)
        for one in again:
            one.again, one.left, one.replies = True, one.left + len(one.replies), []
        self._unsent[:0] = again
        self._send_waiting()


class _Line(asyncio.Protocol):
    """A connection that was made by the client, and is used without it from now on.

    Args:
        transport: Of the connection.
        before: Whose the connection was: is told when it ends.
        seconds: Until replies must be here.
        ended: Is told when it ends, with what was under way.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        before: asyncio.Protocol,
        seconds: float | None,
        ended: Callable[[Sequence[_Asked], Exception], None],
    ) -> None:
        self._transport = transport
        self._before = before
        self._seconds = seconds
        self._ended = ended
        self._reader = Reader(
            protocolError=InvalidResponse, replyError=_error, notEnoughData=_NOT_YET
        )
        self._waiting: deque[_Asked] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._why: Exception | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def open(self) -> bool:
        """Whether commands can be sent."""
        return not self._transport.is_closing()

    def send(self, asked: _Asked) -> None:
        """Send commands."""
        asked.at = self._loop.time()
        self._waiting.append(asked)
        self._transport.write(asked.packed)
        if self._timer is None and self._seconds is not None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def data_received(self, data: bytes) -> None:
        """Hand replies to those who wait for them."""
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        try:
            while waiting and (reply := reader.gets()) is not _NOT_YET:
                if isinstance(reply, PushNotification):  # nobody has asked for it
                    continue
                asked = waiting[0]
                asked.replies.append(reply)
                asked.left -= 1
                if not asked.left:
                    waiting.popleft()
                    if not asked.done.done():
                        asked.done.set_result(asked.replies)
        except (InvalidResponse, ProtocolError) as error:
            self._end(RedisConnectionError(f"Redis says something strange: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        """Tell those who wait, and the client."""
        if self._timer is not None:
            self._timer.cancel()
        waiting, self._waiting = list(self._waiting), deque()
        self._before.connection_lost(error)
        self._ended(waiting, self._why or RedisConnectionError("the connection to Redis has ended"))

    def _look(self) -> None:
        """End the connection if a reply is late."""
        assert self._seconds is not None  # noqa: S101 (else there is no timer)
        self._timer = None
        if self._waiting:
            left = self._waiting[0].at + self._seconds - self._loop.time()
            if left <= 0:
                self._end(RedisTimeoutError("Redis does not answer in time"))
            else:
                self._timer = self._loop.call_later(left, self._look)

    def _end(self, why: Exception) -> None:
        self._why = self._why or why
        self._transport.abort()


def _error(text: str) -> ResponseError:
    return NoScriptError(text) if text.startswith("NOSCRIPT") else ResponseError(text)


def _tell(asked: Iterable[_Asked], error: Exception) -> None:
    for one in asked:
        if not one.done.done():
            one.done.set_exception(error)
