"""Tries experts: what costs nothing, and with leave a short question."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from experts.calling.call import CallOptions, ExpertCaller
from experts.catalogue.expert import Endpoint, Expert
from experts.errors import (
    ExpertError,
    ExpertMisconfigured,
    ExpertUnreachable,
    RequestRefused,
)
from experts.providers.addresses import AddressPolicy, guarded_connector, was_refused
from experts.providers.wire import UNREADABLE
from orchestrator.cli.doctor.experts import Outcome, Tried

_SECONDS = 5.0
_QUESTION_SECONDS = 60.0
_AT_ONCE = 16
_QUESTIONS_AT_ONCE = 4
_MOST_LISTED_BYTES = 1 << 20
_PORTS = {"http": 80, "https": 443}
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_ANSWERS = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS)
"""Of a server that lists no models, or none just now: it is there."""

Resolve = Callable[[Any], str]
Place = tuple[str, str | None, tuple[tuple[str, str], ...]]
"""An address, the key for it, and further headers."""


async def try_all(
    enabled: Sequence[Expert], addresses: AddressPolicy, resolve: Resolve
) -> list[Tried]:
    """Try every place where experts are, each once, in ways that nobody bills.

    Servers that speak OpenAI's protocol are asked for their models; what litellm reaches at an address of the
    entry's is connected to; files of models are looked for. Others are not tried.

    Args:
        enabled: The experts.
        addresses: Where connections may lead.
        resolve: Finds keys; raises ``ExpertMisconfigured`` for one that is missing.
    """
    found: list[Tried] = []
    places: dict[Place, list[Expert]] = defaultdict(list)
    for expert in enabled:
        if expert.provider == "openai":
            for endpoint in expert.endpoints:
                with suppress(ExpertMisconfigured):  # the check of secrets tells of it
                    places[_place(endpoint, resolve)].append(expert)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def tried(looking: Awaitable[list[Tried]]) -> list[Tried]:
        async with gate:
            return await looking

    others = [one for one in enabled if one.provider != "openai"]
    connector = guarded_connector(addresses)
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        looks = [tried(_listed(session, place, there)) for place, there in places.items()]
        looks += [tried(_looked_at(one, addresses)) for one in others]
        for each in await asyncio.gather(*looks):
            found += each
    return found


def _place(endpoint: Endpoint, resolve: Resolve) -> Place:
    key = None if endpoint.api_key is None else resolve(endpoint.api_key)
    return (endpoint.url or "").rstrip("/"), key, tuple(sorted(endpoint.headers.items()))


async def _listed(
    session: aiohttp.ClientSession, place: Place, there: Sequence[Expert]
) -> list[Tried]:
    """Ask a server for its models, which is free everywhere."""
    url, key, more = place
    headers = dict(more) | ({} if key is None else {"authorization": f"Bearer {key}"})
    ids = tuple(expert.id for expert in there)
    try:
        async with session.get(f"{url}/models", headers=headers, allow_redirects=False) as answer:
            body = await answer.content.read(_MOST_LISTED_BYTES)
            status = answer.status
    except (aiohttp.InvalidURL, ValueError) as error:
        return [Tried(url, ids, "wrong", str(error))]
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        if was_refused(error):
            return [Tried(url, ids, "wrong", "COE_PRIVATE_ADDRESSES does not allow its address")]
        return [Tried(url, ids, "silent", _told(error))]
    return judged(url, status, body, there)


def judged(url: str, status: int, body: bytes, there: Sequence[Expert]) -> list[Tried]:
    """Return what an answer to ``GET /models`` says of those who are there. Pure."""
    ids = tuple(expert.id for expert in there)
    if status in _REFUSED:
        return [Tried(url, ids, "refuses", f"status {status}")]
    if status != HTTPStatus.OK:
        outcome: Outcome = "answers" if status in _ANSWERS else "fails"
        return [Tried(url, ids, outcome, f"status {status}")]
    known = _models(body)
    missing = [one for one in there if known and one.model not in known]
    good = tuple(one.id for one in there if one not in missing)
    found = [Tried(url, (one.id,), "misses", one.model) for one in missing]
    return [*found, Tried(url, good, "answers")] if good else found


def _models(body: bytes) -> set[str]:
    """Return the models that a listing names; empty where it is none, or may have been cut off."""
    try:
        listing = msgspec.json.decode(body)
    except UNREADABLE:
        return set()
    data = listing.get("data") if isinstance(listing, dict) else None
    if not isinstance(data, list):
        return set()
    return {one["id"] for one in data if isinstance(one, dict) and isinstance(one.get("id"), str)}


async def _looked_at(expert: Expert, addresses: AddressPolicy) -> list[Tried]:
    """Try what is no server of OpenAI's protocol, as far as that is free."""
    urls = [endpoint.url for endpoint in expert.endpoints if endpoint.url]
    if expert.provider == "litellm" and urls:
        return [await _connected(url, expert, addresses) for url in urls]
    if expert.provider == "local" and urls:
        return [await asyncio.to_thread(_file, url, expert) for url in urls]
    return [Tried(expert.id, (expert.id,), "untried")]


async def _connected(url: str, expert: Expert, addresses: AddressPolicy) -> Tried:
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_SECONDS):
            await addresses.look_up(url)
            port = parts.port or _PORTS.get(parts.scheme, 0)
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError, ValueError) as error:
        outcome: Outcome = "wrong" if was_refused(error) else "silent"
        return Tried(url, (expert.id,), outcome, _told(error))
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return Tried(url, (expert.id,), "answers")


def _file(path: str, expert: Expert) -> Tried:
    there = Path(path).is_file()
    return Tried(
        path, (expert.id,), "answers" if there else "wrong", "" if there else "no such file"
    )


async def ask_all(
    enabled: Sequence[Expert], caller: ExpertCaller, embedder: ExpertCaller
) -> list[Tried]:
    """Ask every expert a short question; vendors bill it.

    Args:
        enabled: The experts.
        caller: Asks those who chat.
        embedder: Asks those who make vectors.
    """
    gate = asyncio.Semaphore(_QUESTIONS_AT_ONCE)

    async def asked(expert: Expert) -> Tried:
        async with gate:
            if expert.embeds:
                return await _asked(expert, embedder, {"model": expert.id, "input": "ok"})
            messages = [{"role": "user", "content": "Say ok."}]
            fields = {"model": expert.id, "messages": messages, "max_tokens": 16}
            return await _asked(expert, caller, fields)

    return list(await asyncio.gather(*map(asked, enabled)))


async def _asked(expert: Expert, caller: ExpertCaller, fields: dict[str, Any]) -> Tried:
    try:
        await caller.complete(expert, fields, CallOptions(timeout=_QUESTION_SECONDS))
    except RequestRefused:
        pass  # it is there, and has a mind of its own
    except ExpertError as error:
        outcome: Outcome = "fails"
        if isinstance(error, ExpertUnreachable):
            outcome = "silent"
        elif isinstance(error, ExpertMisconfigured):
            outcome = "wrong"
        return Tried(expert.id, (expert.id,), outcome, f"{error.code}: {error}")
    return Tried(expert.id, (expert.id,), "answers")


def _told(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
