"""A slow embedder in the service: its vectors are made in threads, and shared."""

import asyncio
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from orchestrator.routers.building import ahead
from orchestrator.routers.encoding import EncodedAhead
from orchestrator.routers.service import ActiveRouter
from router import Candidate, HashingEmbedder, RouteRequest, StaticEmbedder, starter_router
from router.embedding import FloatArray
from router.embedding.contrastive import ContrastiveEmbedder


class Slow:
    """Takes its time as a model does: outside the interpreter, for each call."""

    id = "slow"
    dimensions = 32
    batch = 3

    def __init__(self, seconds: float = 0.02) -> None:
        self.calls: list[list[str]] = []
        self.threads: set[int] = set()
        self.broken = False
        self._seconds = seconds
        self._base = HashingEmbedder(32)

    def description(self) -> dict[str, Any]:
        return {"kind": "slow"}

    def embed(self, texts: Sequence[str]) -> FloatArray:
        self.threads.add(threading.get_ident())
        self.calls.append(list(texts))
        time.sleep(self._seconds)
        if self.broken:
            raise RuntimeError("out of order")
        return self._base.embed(texts)


async def test_the_vectors_are_the_base_s_and_made_once() -> None:
    slow = Slow()
    encoder = EncodedAhead(slow)
    await asyncio.gather(*(encoder.prepare(text) for text in ("a", "b", "a")))
    assert sorted(text for call in slow.calls for text in call) == ["a", "b"]
    np.testing.assert_array_equal(encoder.embed(["b"]), HashingEmbedder(32).embed(["b"]))
    assert sum(map(len, slow.calls)) == 2
    np.testing.assert_array_equal(encoder.embed(["a", "c"]), HashingEmbedder(32).embed(["a", "c"]))
    assert (encoder.id, encoder.dimensions, encoder.description()) == ("slow", 32, {"kind": "slow"})


async def test_the_loop_goes_on_meanwhile() -> None:
    slow = Slow(0.2)
    encoder = EncodedAhead(slow)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.005)

    counting = asyncio.create_task(count())
    await encoder.prepare("a")
    counting.cancel()
    assert turns >= 5
    assert threading.get_ident() not in slow.threads


async def test_texts_that_come_together_share_calls() -> None:
    slow = Slow()
    encoder = EncodedAhead(slow, together=4, calls=1)
    await asyncio.gather(*(encoder.prepare(str(number)) for number in range(10)))
    assert [len(call) for call in slow.calls] == [4, 4, 2]


async def test_texts_that_come_while_all_is_busy_share_the_next_call() -> None:
    slow = Slow(0.05)
    encoder = EncodedAhead(slow, together=16, calls=1)
    first = asyncio.create_task(encoder.prepare("first"))
    await asyncio.sleep(0.01)
    later = []
    for number in range(5):
        later.append(asyncio.create_task(encoder.prepare(str(number))))
        await asyncio.sleep(0)
    await asyncio.gather(first, *later)
    assert [len(call) for call in slow.calls] == [1, 5]


async def test_two_calls_at_a_time() -> None:
    encoder = EncodedAhead(Slow(0.1), together=1, calls=2)
    began = time.perf_counter()
    await asyncio.gather(encoder.prepare("a"), encoder.prepare("b"))
    assert time.perf_counter() - began < 0.18


async def test_nobody_waits_for_others_to_come() -> None:
    encoder = EncodedAhead(Slow(0.0))
    await encoder.prepare("warm")
    began = time.perf_counter()
    for number in range(50):
        await encoder.prepare(str(number))
    assert (time.perf_counter() - began) / 50 < 0.01


async def test_a_failure_is_everybody_s_and_not_for_ever() -> None:
    slow = Slow()
    encoder = EncodedAhead(slow)
    slow.broken = True
    failed = await asyncio.gather(
        encoder.prepare("a"), encoder.prepare("b"), return_exceptions=True
    )
    assert [str(error) for error in failed] == ["out of order"] * 2
    slow.broken = False
    await encoder.prepare("a")


async def test_who_goes_away_leaves_it_to_the_others() -> None:
    slow = Slow(0.05)
    encoder = EncodedAhead(slow)
    gone, stays = (asyncio.create_task(encoder.prepare("a")) for _ in range(2))
    await asyncio.sleep(0.01)
    gone.cancel()
    await stays
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert slow.calls == [["a"]]


async def test_it_remembers_what_was_used_last() -> None:
    slow = Slow(0.0)
    encoder = EncodedAhead(slow, kept=2)
    for text in ("a", "b", "a", "c"):
        encoder.embed([text])
    before = len(slow.calls)
    encoder.embed(["a"])
    assert len(slow.calls) == before
    encoder.embed(["b"])
    assert len(slow.calls) == before + 1


def test_only_what_runs_a_model_is_encoded_ahead() -> None:
    static = StaticEmbedder()
    head = ContrastiveEmbedder(static, np.eye(256, 8, dtype=np.float32))
    assert ahead(static) is static
    assert ahead(head) is head
    assert isinstance(ahead(Slow()), EncodedAhead)


async def test_a_decision_finds_its_vector_made() -> None:
    slow = Slow()
    router = starter_router(EncodedAhead(slow))
    active = ActiveRouter(router)
    slow.threads.clear()
    await active.encoded("What is a tort?", request_id="r1")
    pool = router.pool([Candidate(id="a"), Candidate(id="b")])
    before = len(slow.calls)
    assert router.decide(RouteRequest("What is a tort?"), pool).category
    assert len(slow.calls) == before
    assert threading.get_ident() not in slow.threads


async def test_a_fast_embedder_makes_nobody_wait() -> None:
    active = ActiveRouter(starter_router())
    waiting = active.encoded("What is a tort?", request_id="r1")
    with pytest.raises(StopIteration):  # it ends without giving way to anybody
        waiting.send(None)
