"""An upstream that speaks OpenAI's wire over raw sockets and fails on command.

The model's name in a request chooses what happens (:mod:`tests.faults.behaviours`). Everything asked
and everything served is noted in a ledger (:mod:`tests.faults.ledger`).
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Self, TypeVar

from tests.faults.exchange import Behaviour, Exchange, Hangup, reset, well
from tests.faults.ledger import Ledger, Taken
from tests.faults.wire import read_request, response

T = TypeVar("T")

WELL = "/well"
"""Before the path: answer well, whatever the model's name."""
_LARGEST_HEAD = 1 << 16
_QUEUE = 4


class FaultyUpstream:
    """The upstream in a loop of its own, in a thread, so that blocking callers can be used beside it.

    Besides its main address it has doors at which connections fail before anything is read, and one
    address at which it always answers well.

    Args:
        behaviours: What to do, by the model's name up to a slash; every other is answered well.
    """

    def __init__(self, behaviours: Mapping[str, Behaviour]) -> None:
        self._behaviours = behaviours
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []
        self._closed_door = socket.socket()
        self._full_door = socket.socket()
        self._queue = [socket.socket() for _ in range(_QUEUE)]
        self._attempts: dict[str, int] = {}
        self._urls: dict[str, str] = {}
        self.ledger = Ledger()

    def __enter__(self) -> Self:
        self._thread.start()
        # Bound and not listening: nobody else gets the port, and every connection is refused.
        self._closed_door.bind(("127.0.0.1", 0))
        self._urls["refused"] = _url(self._closed_door)
        self._fill_up()
        doors = {"": self._serve, "close-on-accept": _hang_up, "reset-on-accept": _slam}
        for name, serve in doors.items():
            server = self.run(asyncio.start_server(serve, "127.0.0.1", 0, limit=_LARGEST_HEAD))
            self._servers.append(server)
            self._urls[name] = _url(server.sockets[0])
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        for each in (self._closed_door, self._full_door, *self._queue):
            each.close()

    def url(self, door: str = "") -> str:
        """Return the base URL of a door, of the main one for any name that is none."""
        return self._urls.get(door, self._urls[""]) + "/v1"

    @property
    def well_url(self) -> str:
        """Base URL at which every model answers well."""
        return self._urls[""] + WELL + "/v1"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the upstream's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _fill_up(self) -> None:
        """Listen and never accept: once the queue is full, connections get no answer at all."""
        self._full_door.bind(("127.0.0.1", 0))
        self._full_door.listen(0)
        self._urls["no-accept"] = _url(self._full_door)
        for waiting in self._queue:
            waiting.setblocking(False)
            waiting.connect_ex(self._full_door.getsockname())

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = 0
        with suppress(Hangup, ConnectionError, asyncio.IncompleteReadError):
            while True:
                await self._exchange(reader, writer, turn)
                turn += 1
        writer.close()

    def _taken(self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Taken:
        said = [str(message.get("content") or "") for message in body["messages"]]
        model = body["model"]
        return Taken(
            model=model,
            request_id=headers.get("x-request-id", ""),
            streamed=body.get("stream") is True,
            prompt_tokens=sum(len(text.split()) for text in said),
            well=path.startswith(WELL) or _name_of(model) not in self._behaviours,
        )

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turn: int
    ) -> None:
        method, path, headers, content = await read_request(reader)
        if method != "POST":
            listed = json.dumps({"object": "list", "data": []})
            writer.write(response(listed.encode()))
            return
        taken = self._taken(path, headers, json.loads(content))
        attempt = self._attempts.get(taken.model, 0)
        self._attempts[taken.model] = attempt + 1
        self.ledger.taken.append(taken)
        behaviour = well if taken.well else self._behaviours[_name_of(taken.model)]
        self.ledger.open += 1
        try:
            await behaviour(Exchange(taken, attempt, turn, taken.streamed, reader, writer))
        finally:
            self.ledger.open -= 1


def _name_of(model: str) -> str:
    return model.partition("/")[0]


def _url(listening: socket.socket | Any) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _slam(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reset(writer)
