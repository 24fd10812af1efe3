"""Requests that wait, by the model that they need."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque


class Queues:
    """Who waits for which model, and since when."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[tuple[float, int]]] = {}
        self.ages: list[tuple[float, str]] = []
        """When the oldest request of each model came, and the model; rising."""
        self.version = 0
        """Another one where :attr:`ages` are others."""

    def __contains__(self, model: str) -> bool:
        return model in self._queues

    def count(self, model: str) -> int:
        """Return how many wait for a model."""
        return len(self._queues.get(model, ()))

    def add(self, request: int, model: str, now: float) -> None:
        """Let a request wait.

        Args:
            request: A number of its own.
            model: The model it needs.
            now: Seconds; never less than before.
        """
        queue = self._queues.get(model)
        if queue is None:
            queue = self._queues[model] = deque()
            insort(self.ages, (now, model))
            self.version += 1
        queue.append((now, request))

    def take(self, model: str, most: float) -> list[int]:
        """Return the requests that have waited longest for a model, so many at most; they wait no more."""
        queue = self._queues[model]
        oldest = queue[0][0]
        taken = [queue.popleft()[1] for _ in range(int(min(most, len(queue))))]
        if taken:
            self._left(model, oldest)
        return taken

    def remove(self, request: int, model: str) -> None:
        """Forget a request, if it waits."""
        queue = self._queues.get(model)
        if queue:
            oldest = queue[0][0]
            self._queues[model] = deque(one for one in queue if one[1] != request)
            self._left(model, oldest)

    def drop(self, model: str) -> list[int]:
        """Forget all requests that wait for a model, and return them."""
        return self.take(model, self.count(model)) if model in self._queues else []

    def _left(self, model: str, oldest: float) -> None:
        """See to :attr:`ages` once some of a model's requests do not wait any more."""
        queue = self._queues[model]
        if queue and queue[0][0] == oldest:
            return
        del self.ages[bisect_left(self.ages, (oldest, model))]
        if queue:
            insort(self.ages, (queue[0][0], model))
        else:
            del self._queues[model]
        self.version += 1
