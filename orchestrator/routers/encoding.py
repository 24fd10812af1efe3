"""Sentence encoders in the service: off the event loop, several requests' texts at a time.

A decision takes microseconds and is made where the request is; a model that is run for each text
takes milliseconds, in which a process would serve nobody. So a request first waits for the vector of
its text, which a thread makes, and then decides as ever: the vector is there.

Texts that come in the same turn of the event loop share a call, and so do those that come while all
threads are busy. None waits for others to come.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from router.embedding import Embedder, FloatArray

KEPT = 4096
"""Vectors; some megabytes."""


class EncodedAhead:
    """An embedder whose vectors can be made ahead, in threads.

    Args:
        base: Makes them; takes its time.
        together: Texts that are given to it in one call, at most.
        calls: Calls at a time; by default one for each processor this process may use.
        kept: Vectors that are remembered, those used last.
    """

    def __init__(
        self, base: Embedder, *, together: int = 16, calls: int | None = None, kept: int = KEPT
    ) -> None:
        self._base = base
        self._together = together
        self._calls = calls or _processors()
        self._kept = kept
        self._lock = Lock()
        self._vectors: OrderedDict[bytes, FloatArray] = OrderedDict()
        self._waiting: dict[bytes, tuple[str, asyncio.Future[None]]] = {}
        self._queue: list[bytes] = []
        self._running = 0
        self._due = False

    @property
    def id(self) -> str:
        """Names the vectors: they are the base's."""
        return self._base.id

    @property
    def dimensions(self) -> int:
        """Length of each vector."""
        return self._base.dimensions

    def description(self) -> dict[str, Any]:
        """Return the base's."""
        return self._base.description()

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return unit vectors, shape ``(len(texts), dimensions)``; those made ahead at once."""
        if len(texts) == 1:
            found = self._remembered(_key(texts[0]))
            if found is not None:
                return found[None]
        vectors = self._base.embed(texts)
        for text, vector in zip(texts, vectors, strict=True):
            self._remember(_key(text), vector)
        return vectors

    async def prepare(self, text: str) -> None:
        """Wait until :meth:`embed` has the vector of a text at hand. Only on the event loop.

        Raises:
            Exception: Whatever the base raised.
        """
        key = _key(text)
        if self._remembered(key) is not None:
            return
        known = self._waiting.get(key)
        if known is None:
            loop = asyncio.get_running_loop()
            known = self._waiting[key] = (text, loop.create_future())
            self._queue.append(key)
            if not self._due:
                self._due = True
                loop.call_soon(self._start, loop)
        await asyncio.shield(known[1])  # a caller that goes away leaves it to the others

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = False
        while self._queue and self._running < self._calls:
            keys, self._queue = self._queue[: self._together], self._queue[self._together :]
            texts = [self._waiting[key][0] for key in keys]
            self._running += 1
            call = loop.run_in_executor(None, self.embed, texts)
            call.add_done_callback(partial(self._done, loop, keys))

    def _done(
        self,
        loop: asyncio.AbstractEventLoop,
        keys: Sequence[bytes],
        done: asyncio.Future[FloatArray],
    ) -> None:
        self._running -= 1
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        for key in keys:
            _, future = self._waiting.pop(key)
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
                future.exception()  # whoever waited may be gone
        self._start(loop)

    def _remembered(self, key: bytes) -> FloatArray | None:
        with self._lock:
            found = self._vectors.get(key)
            if found is not None:
                self._vectors.move_to_end(key)
            return found

    def _remember(self, key: bytes, vector: FloatArray) -> None:
        with self._lock:
            self._vectors[key] = np.array(vector)  # a copy: a view would keep the whole batch
            self._vectors.move_to_end(key)
            while len(self._vectors) > self._kept:
                self._vectors.popitem(last=False)


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _processors() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1
