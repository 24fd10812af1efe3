"""What is known of kept prompts, as a log in Redis that every replica builds its index from.

One stream a tenant: prompts that are kept, and what came of comparing their answers. A replica reads it
from the beginning when it starts, and what is new several times a second from then on: so all believe the
same, and nothing is built from anything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import Redis

from experts.cache.controls import MAX_SECONDS
from experts.cache.store import tenant_prefix

BEGINNING = b"0-0"
_MOST_EVENTS = 300_000
_AT_ONCE = 200
"""Events read in one step: these are taken in without a pause, 10 ms."""
_FIELD = b"e"


class Kept(msgspec.Struct, frozen=True, tag="kept", array_like=True):
    """A prompt whose answer is kept.

    Args:
        name: Of the answer's entry.
        rest: Of the request all but the prompt, as a digest; see ``content.prompt_of``.
        prompt: Its text.
        category: What it is about.
        until: When the answer goes, in Unix seconds.
    """

    name: bytes
    rest: bytes
    prompt: str
    category: str
    until: float


class Compared(msgspec.Struct, frozen=True, tag="compared", array_like=True):
    """A kept answer was held against an expert's.

    Args:
        name: Of the kept answer's entry.
        similarity: Of the two prompts.
        right: Whether the kept answer would have done.
        scale: Of the similarity; see :class:`experts.cache.similar.embeds.Confirms`.
    """

    name: bytes
    similarity: float
    right: bool
    scale: str = ""


Event = Kept | Compared
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Event)


class SimilarLog:
    """The logs of all tenants.

    Its methods raise ``redis.exceptions.RedisError`` or ``OSError`` where Redis is away.

    Args:
        redis: Where they are; must return bytes.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def add(self, tenant: str, *events: Event) -> None:
        """Write events."""
        key = _key(tenant)
        async with self._redis.pipeline(transaction=False) as pipe:
            for event in events:
                entry: Any = {_FIELD: _encoder.encode(event)}
                pipe.xadd(key, entry, maxlen=_MOST_EVENTS, approximate=True)
            pipe.expire(key, MAX_SECONDS)
            await pipe.execute()

    async def read(
        self, places: Mapping[str, bytes]
    ) -> dict[str, tuple[bytes, Sequence[Event], bool]]:
        """Return what is new of some tenants: where it ends, the events, and whether there is more.

        Args:
            places: By tenant, where the last reading ended; :data:`BEGINNING` at first.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            for tenant, place in places.items():
                pipe.xrange(_key(tenant), min=b"(" + place, count=_AT_ONCE)
            answers = await pipe.execute()
        return {
            tenant: (
                rows[-1][0] if rows else places[tenant],
                [event for _, fields in rows if (event := _event(fields)) is not None],
                len(rows) == _AT_ONCE,
            )
            for tenant, rows in zip(places, answers, strict=True)
        }

    async def forget(self, tenant: str) -> None:
        """Erase what is known of a tenant's prompts."""
        await self._redis.delete(_key(tenant))


def _key(tenant: str) -> bytes:
    return tenant_prefix(tenant) + b"prompts"


def _event(fields: Mapping[bytes, bytes]) -> Event | None:
    """Return an event, ``None`` if it is of another release."""
    try:
        event: Event = _decoder.decode(fields.get(_FIELD, b""))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return event
