"""Many clients at once against the service, for a while, and a tally of what they got."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.faults.behaviours import BEHAVIOURS
from tests.faults.exchange import TEXT, Behaviour, Exchange

_SLOW_SECONDS = 0.1
BEFORE_THE_ANSWER = (
    "500-storm",
    "503",
    "429-bare",
    "close-unanswered",
    "reset-unanswered",
    "reset-after-head",
    "html",
    "error-first",
    "done-only",
    "role-only",
)
"""Faults after which another expert can still answer."""
MIDWAY = ("close-midway", "error-midway")
"""Faults of which a stream cannot be saved; a whole answer can."""


def unsteady(share: float, seed: int) -> Behaviour:
    """Return a behaviour that fails a share of all requests, each in one of many ways."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    faults = (*BEFORE_THE_ANSWER, *MIDWAY)

    async def behave(x: Exchange) -> None:
        if chance.random() < share:
            await BEHAVIOURS[chance.choice(faults)](x)
        else:
            await x.answer()

    return behave


async def tagged(x: Exchange) -> None:
    """Answer with the id of the request, so that an answer that goes astray is seen."""
    await x.answer(x.pieces((x.taken.request_id,)))


async def slowly(x: Exchange) -> None:
    """Answer well and take a while."""
    pieces = x.pieces()
    await x.begin(sum(len(piece.data) for piece in pieces))
    for piece in pieces:
        await x.send(piece)
        await asyncio.sleep(_SLOW_SECONDS)
    await x.end()


@dataclass(frozen=True, slots=True)
class Result:
    """What one request came to.

    Args:
        request_id: The service's id of it, empty where there was no answer.
        streamed: Whether a stream was asked for.
        code: The error's code, or what else went wrong; ``None`` for a whole answer.
        begun: Whether some of the answer had come.
        seconds: Until its end.
        sent_at: By ``time.monotonic``.
    """

    request_id: str
    streamed: bool
    code: str | None
    begun: bool
    seconds: float
    sent_at: float

    @property
    def counts(self) -> bool:
        """Whether a substitute could have answered: not once an answer has begun."""
        return not (self.code and self.begun)


@dataclass(slots=True)
class Tally:
    """The results of a load."""

    results: list[Result] = field(default_factory=list)

    @property
    def success(self) -> float:
        """Share of those that succeeded, among those that can."""
        counting = [one for one in self.results if one.counts]
        return sum(one.code is None for one in counting) / max(len(counting), 1)

    @property
    def failures(self) -> Counter[str]:
        """How often each error came."""
        return Counter(one.code for one in self.results if one.code)

    def percentile(self, share: float) -> float:
        """Return the seconds that so large a share of the requests kept to."""
        times = sorted(one.seconds for one in self.results)
        return times[min(int(share * len(times)), len(times) - 1)]


Asked = Callable[[int, int], dict[str, Any]]
"""Body of the n-th request of a client."""


def varied(model: str) -> Asked:
    """Return requests for a model, of different lengths, every second a stream."""

    def asked(client: int, number: int) -> dict[str, Any]:
        words = f"client {client} asks " + "once more " * (number % 7)
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": words}]}
        return body | ({"stream": True} if (client + number) % 2 else {})

    return asked


async def load(
    urls: Sequence[str],
    key: str,
    *,
    asked: Asked,
    clients: int,
    seconds: float | None = None,
    over: asyncio.Event | None = None,
    pause: float = 0.0,
) -> Tally:
    """Let clients ask one request after the other until it is over.

    Args:
        urls: Replicas of the service; each client begins with one and goes on to the next when
            there is no connection.
        key: The caller's key.
        asked: What they ask.
        clients: How many ask at once.
        seconds: For how long.
        over: Ends it, too.
        pause: Seconds that a client thinks between two requests.
    """
    tally = Tally()
    over = over or asyncio.Event()
    if seconds is not None:
        asyncio.get_running_loop().call_later(seconds, over.set)
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def run(client: int) -> None:
            place, number = client, 0
            while not over.is_set():
                url = urls[place % len(urls)] + "/v1/chat/completions"
                result = await _one(session, url, asked(client, number))
                tally.results.append(result)
                number += 1
                if not result.request_id:
                    place += 1
                    await asyncio.sleep(0.05)
                await asyncio.sleep(pause)

        await asyncio.gather(*map(run, range(clients)))
    return tally


async def _one(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> Result:
    streamed, began = "stream" in body, time.monotonic()
    request_id, begun = "", False
    code: str | None = "no_connection"
    try:
        async with session.post(url, json=body) as response:
            request_id = response.headers["x-coe-request-id"]
            code, begun = "broken_off", response.status == 200
            content = await response.read()
            code, begun = _judged(content, streamed=streamed and begun)
    except aiohttp.ClientError:
        pass
    return Result(request_id, streamed, code, begun, time.monotonic() - began, began)


def _judged(content: bytes, *, streamed: bool) -> tuple[str | None, bool]:
    """Return the error's code and whether there was something of an answer."""
    if not streamed:
        fields = json.loads(content)
        if "error" in fields:
            return fields["error"]["code"], False
        text = fields["choices"][0]["message"]["content"]
        return (None if text == TEXT else "wrong_answer"), True
    events = [part.removeprefix("data: ") for part in content.decode().split("\n\n") if part]
    chunks = [json.loads(event) for event in events if event.startswith("{")]
    text = "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk.get("choices", ())
    )
    if chunks and "error" in chunks[-1]:
        return ("done_after_error" if "[DONE]" in events else chunks[-1]["error"]["code"]), True
    whole = text == TEXT and events[-1] == "[DONE]"
    return (None if whole else "truncated"), True
