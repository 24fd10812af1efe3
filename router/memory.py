"""What became of similar requests: a short memory beside what was learnt in training."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from router.embedding import FloatArray
from router.mapping import Floats


class EpisodicMemory:
    """Outcomes of past requests by their vectors; the oldest makes room for the newest.

    Given to :meth:`router.Router.decide`, it corrects each expert's expected quality by a kernel
    average over similar past requests (Nadaraya, 1964; Watson, 1964), weighed against what was
    expected anyway by how much of it there is::

        q'(e) = (strength q(e) + sum w(i) outcome(i)) / (strength + sum w(i))
        w(i)  = max(0, (cos(i) - reach) / (1 - reach))

    Safe to share between threads.

    Args:
        capacity: Outcomes kept.
        strength: How many outcomes of the very same request outweigh the expectation.
        reach: Cosine similarity below which an outcome says nothing.
    """

    def __init__(self, capacity: int = 2000, *, strength: float = 4.0, reach: float = 0.6) -> None:
        if capacity < 1 or not strength > 0 or not 0 <= reach < 1:
            raise ValueError("capacity is at least 1, strength above 0, reach from 0 to below 1")
        self._capacity = capacity
        self._strength = strength
        self._reach = reach
        self._lock = threading.Lock()
        self._vectors: FloatArray | None = None
        self._experts: list[str] = []
        self._outcomes = np.zeros(capacity)
        self._next = 0

    def __len__(self) -> int:
        return len(self._experts)

    def remember(self, vector: FloatArray, expert: str, outcome: float) -> None:
        """Keep an outcome.

        Args:
            vector: The request's, from the router's embedder, shape (d,).
            expert: Who answered.
            outcome: 0 (bad) to 1 (good).

        Raises:
            ValueError: Where the outcome is outside that range, or vectors differ in length.
        """
        if not 0.0 <= outcome <= 1.0:
            raise ValueError("outcome is a number from 0 to 1")
        with self._lock:
            if self._vectors is None:
                self._vectors = np.zeros((self._capacity, len(vector)), dtype=np.float32)
            slot = self._next
            self._vectors[slot] = vector
            self._outcomes[slot] = outcome
            self._experts[slot : slot + 1] = [expert]
            self._next = (slot + 1) % self._capacity

    def corrected(
        self, quality: Floats, vector: FloatArray, positions: Mapping[str, int]
    ) -> Floats:
        """Return qualities with what is remembered; the same where nothing similar is.

        Args:
            quality: Expected of each candidate, shape (E,).
            vector: The request's, shape (d,).
            positions: Index of each candidate by its id.
        """
        with self._lock:
            if self._vectors is None:
                return quality
            known = len(self._experts)
            near = self._vectors[:known] @ vector
            weights = np.maximum(near - self._reach, 0.0) / (1.0 - self._reach)
            similar: npt.NDArray[np.intp] = np.flatnonzero(weights)
            columns = [positions.get(self._experts[i], -1) for i in similar.tolist()]
            outcomes = self._outcomes[similar]
        where = np.array(columns, dtype=np.intp)
        kept = where >= 0
        if not kept.any():
            return quality
        where, weights = where[kept], weights[similar][kept]
        evidence = np.bincount(where, weights, minlength=len(quality))
        good = np.bincount(where, weights * outcomes[kept], minlength=len(quality))
        blended: Floats = (self._strength * quality + good) / (self._strength + evidence)
        return blended
