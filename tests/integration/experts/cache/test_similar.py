"""A tenant's kept prompts on two replicas over a real Valkey: learned on one, known on both."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from redis.asyncio import Redis

from experts.cache.entry import Entry
from experts.cache.key import Asked, cache_key
from experts.cache.similar.content import prompt_of
from experts.cache.similar.log import BEGINNING, Compared, Kept, SimilarLog
from experts.cache.similar.tenant import TenantSimilar
from experts.cache.store import CacheStore, Which
from orchestrator.caching.confirming import AtOnce
from router import StaticEmbedder

ASKED = Asked("acme", "one", 1)
EMBEDDER = StaticEmbedder()
CONFIRMS = AtOnce(EMBEDDER)
QUESTION = "How do I clean a leather sofa?"
SAME = "What is the best way to clean a leather sofa?"


def asking(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, **more}


def answer(text: str) -> Entry:
    body = {
        "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
    }
    return Entry(expert="one", version=1, made_at=time.time(), whole=msgspec.json.encode(body))


class Replica:
    def __init__(self, redis: Redis) -> None:
        self.store = CacheStore(redis)
        self.log = SimilarLog(redis)
        self.kept = TenantSimilar("acme", self.store, self.log, EMBEDDER.embed, 256, CONFIRMS)
        self.place = BEGINNING

    async def catch_up(self) -> None:
        await self.kept.settled()
        more = True
        while more:
            self.place, events, more = (await self.log.read({"acme": self.place}))["acme"]
            for event in events:
                self.kept.heard(event)

    async def ask(self, text: str, said: str) -> bool:
        """Ask as the cache does; tell whether a kept answer was given."""
        fields = asking(text)
        found = await self.kept.find(ASKED, fields)
        if found is not None and found.entry is not None:
            return True
        key, entry = cache_key(ASKED, fields), answer(said)
        await self.store.keep("acme", key, entry, 60)
        self.kept.answered(key, entry, 60, ASKED, fields, found)
        await self.catch_up()
        return False


async def sure(replica: Replica) -> None:
    """Let the tenant have seen much of this kind."""
    prompt = prompt_of(ASKED, asking("What is a fugue?"))
    assert prompt is not None
    kept = Kept(b"k" * 32, prompt.rest, prompt.text, "", time.time() + 60)
    seen = [
        Compared(kept.name, 1.0, True, CONFIRMS.scale),
        Compared(kept.name, 0.7, False, CONFIRMS.scale),
    ] * 300
    await replica.log.add("acme", kept, *seen)
    await replica.catch_up()


async def test_what_one_replica_learns_both_know(redis: Redis) -> None:
    one, two = Replica(redis), Replica(redis)
    assert not await one.ask(QUESTION, "With soap.")
    assert not await one.ask(SAME, "With soap."), "nothing is known of such answers yet"
    await sure(one)
    await two.catch_up()
    key = cache_key(ASKED, asking(QUESTION))
    assert one.kept.seen(key) == two.kept.seen(key) == (1, 1)
    given = [await two.ask(SAME + " " * n, "With soap.") for n in range(8)]
    assert sum(given) >= 6, "a few are asked nevertheless"
    assert not await two.ask("How do I clean a velvet sofa?", "With water.")
    assert not await two.ask("How do I not clean a leather sofa?", "By leaving it.")


async def test_another_kind_of_request_has_no_part_in_it(redis: Redis) -> None:
    one = Replica(redis)
    await one.ask(QUESTION, "With soap.")
    assert await one.kept.find(ASKED, asking(SAME)) is not None
    for asked, fields in [
        (Asked("acme", "one", 2), asking(SAME)),
        (ASKED, asking(SAME, tools=[])),
        (ASKED, asking("x" * 5000)),
        (ASKED, {"messages": [{"role": "system", "content": "Rhyme."}, *asking(SAME)["messages"]]}),
    ]:
        assert await one.kept.find(asked, fields) is None


async def test_what_is_purged_is_not_given(redis: Redis) -> None:
    one, two = Replica(redis), Replica(redis)
    await one.ask(QUESTION, "With soap.")
    await sure(one)
    await two.catch_up()
    await one.store.purge("acme", Which(key=cache_key(ASKED, asking(QUESTION))))
    assert not await two.ask(SAME, "With water.")
    assert two.kept.seen(cache_key(ASKED, asking(QUESTION))) is None


async def test_what_has_expired_is_forgotten(redis: Redis) -> None:
    one = Replica(redis)
    one.kept.heard(Kept(b"a", b"rest", "How are you?", "", time.time() + 0.01))
    one.kept.heard(Kept(b"b", b"rest", "Who are you?", "", time.time() - 1))
    assert len(one.kept) == 1
    time.sleep(0.02)  # noqa: ASYNC251 (nothing else runs)
    one.kept.tidy()
    assert len(one.kept) == 0
