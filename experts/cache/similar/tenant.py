"""One tenant's kept prompts: looked through, learned about, and kept in step with the log."""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from redis.exceptions import RedisError

from experts import tracing
from experts.cache.entry import Entry
from experts.cache.key import Asked
from experts.cache.similar.answers import Categories, SimilarAnswers
from experts.cache.similar.comparing import said_in, say_the_same
from experts.cache.similar.content import Prompt, prompt_of
from experts.cache.similar.embeds import Confirms, Embeds
from experts.cache.similar.log import Compared, Event, Kept, SimilarLog
from experts.cache.similar.protocol import Found
from experts.cache.store import CacheStore

_MOST = 100_000
"""Prompts of one tenant; beyond, those whose answers go soonest are left out."""
_LONGEST = 2_000
"""Characters of a prompt; a longer one says too much to be like another."""
_REDIS_SECONDS = 0.25
_LOOK_SECONDS = 0.25
"""Until a request asks an expert rather than wait for the look any longer."""

log = logging.getLogger(__name__)


class TenantSimilar:
    """Finds answers to requests that are only alike, for one tenant.

    Args:
        tenant: The tenant.
        store: Where answers are kept.
        events: Where what is known of prompts is written.
        embed: Turns texts into vectors, to find candidates and to compare answers.
        dimensions: Of these.
        confirms: Turns texts into vectors by which candidates are confirmed.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        tenant: str,
        store: CacheStore,
        events: SimilarLog,
        embed: Embeds,
        dimensions: int,
        confirms: Confirms,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.wrong = 0.01
        """The share of wrong answers that is chosen, 0 to 1."""
        self._tenant = tenant
        self._store = store
        self._events = events
        self._embed = embed
        self._dimensions = dimensions
        self._confirms = confirms
        self._clock = clock
        self._categories = Categories()
        self._groups: dict[bytes, SimilarAnswers] = {}
        self._group_of: dict[bytes, bytes] = {}
        self._ends: list[tuple[float, bytes]] = []
        self._writing: set[asyncio.Task[None]] = set()
        self._regrowing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._group_of)

    async def find(self, asked: Asked, fields: Mapping[str, Any]) -> Found | None:
        """Return what came of a look; ``None`` where a request is not of the kind that can be."""
        prompt = _prompt_of(asked, fields)
        if prompt is None:
            return None
        answers = self._groups.get(prompt.rest)
        if answers is None:
            return None
        answers.wrong = self.wrong
        try:
            with tracing.span("similar"):
                async with asyncio.timeout(_LOOK_SECONDS):
                    verdict = await answers.look(prompt.text)
        except TimeoutError:
            log.debug("a look for an answer took too long")
            return None
        if verdict.name is None or not verdict.given:
            return Found(verdict)
        entry = await self._fetched(verdict.name)
        if entry is None:
            self._forget(verdict.name)
        return Found(verdict, entry)

    def seen(self, key: bytes) -> tuple[int, int] | None:
        """Return how often a kept answer was compared, and would have done."""
        answers = self._groups.get(self._group_of.get(key, b""))
        return None if answers is None else answers.seen(key)

    def answered(
        self,
        key: bytes,
        entry: Entry,
        ttl: float,
        asked: Asked,
        fields: Mapping[str, Any],
        found: Found | None,
    ) -> None:
        """Learn from an answer that an expert has given; written down beside other work.

        Args:
            key: What it is kept under.
            entry: The answer.
            ttl: Seconds for which it is kept.
            asked: Who was asked.
            fields: The request.
            found: What had come of the look for one.
        """
        prompt = _prompt_of(asked, fields)
        if prompt is not None:
            kept = Kept(key, prompt.rest, prompt.text, entry.category or "", self._clock() + ttl)
            self._begin(self._learned(kept, entry, found))

    def heard(self, event: Event) -> None:
        """Take in an event of the log."""
        if isinstance(event, Compared):
            answers = self._groups.get(self._group_of.get(event.name, b""))
            if answers is not None and event.scale == self._confirms.scale:
                answers.compared(event.name, event.similarity, right=event.right)
            return
        if event.until <= self._clock():
            return
        if event.name not in self._group_of:
            answers = self._groups.get(event.rest)
            if answers is None:
                answers = SimilarAnswers(
                    self._embed, self._confirms, self._categories, dimensions=self._dimensions
                )
                self._groups[event.rest] = answers
            answers.add(event.name, event.prompt, event.category)
            self._group_of[event.name] = event.rest
        heapq.heappush(self._ends, (event.until, event.name))

    def tidy(self) -> None:
        """Forget prompts whose answers are gone, and those that are too many; keep looks quick."""
        now = self._clock()
        while self._ends and (self._ends[0][0] <= now or len(self) > _MOST):
            self._forget(heapq.heappop(self._ends)[1])
        if self._regrowing is None or self._regrowing.done():
            outgrown = [answers for answers in self._groups.values() if answers.outgrown]
            if outgrown:
                self._regrowing = self._begin(_regrown(outgrown))

    async def settled(self) -> None:
        """Wait until everything is written down, and nothing is being built."""
        while self._writing:
            await asyncio.wait(self._writing)

    async def _learned(self, kept: Kept, entry: Entry, found: Found | None) -> None:
        """Write down a new prompt, and whether the nearest one's answer would have done."""
        events: list[Event] = []
        if kept.name not in self._group_of:
            events.append(kept)
        verdict = None if found is None else found.verdict
        if verdict is not None and verdict.name is not None and verdict.name != kept.name:
            before = await self._fetched(verdict.name)
            if before is None:
                self._forget(verdict.name)
            else:
                one, other = said_in(before), said_in(entry)
                if one is not None and other is not None:
                    right = say_the_same(one, other, self._embed)
                    scale = self._confirms.scale
                    events.append(Compared(verdict.name, verdict.similarity, right, scale))
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                if events:
                    await self._events.add(self._tenant, *events)
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("what is known of a prompt is not written: %r", error)

    async def _fetched(self, name: bytes) -> Entry | None:
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                return await self._store.get(self._tenant, name)
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("the cache is away: %r", error)
            return None

    def _forget(self, name: bytes) -> None:
        rest = self._group_of.pop(name, b"")
        answers = self._groups.get(rest)
        if answers is not None:
            answers.remove(name)
            if not len(answers):
                del self._groups[rest]

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return task


async def _regrown(groups: list[SimilarAnswers]) -> None:
    for answers in groups:
        await answers.regrow()


def _prompt_of(asked: Asked, fields: Mapping[str, Any]) -> Prompt | None:
    prompt = prompt_of(asked, fields)
    return None if prompt is None or len(prompt.text) > _LONGEST else prompt
