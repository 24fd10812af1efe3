"""Machines as the simulator sees them: how much fits where, and how fast it gets there."""

from __future__ import annotations

import math
from dataclasses import dataclass

GB = 1e9


@dataclass(frozen=True, slots=True)
class Machine:
    """A memory of three tiers and what computes over the upper one.

    Args:
        name: For people.
        loaded: Bytes of the upper tier that models may take.
        load_bandwidth: Bytes a second into it, from the tier below.
        mapped: Bytes of the tier below.
        map_bandwidth: Bytes a second into that, from disk.
        load_latency: Seconds that a load takes whatever its size.
        prompt_rate: Tokens a second that one request's prompt is read at.
        output_rate: Tokens a second that one request's answer is written at.
        lanes: Models that compute at once.
        slots: Requests that one model answers at once.
    """

    name: str
    loaded: float
    load_bandwidth: float
    mapped: float = math.inf
    map_bandwidth: float = 2 * GB
    load_latency: float = 0.0
    prompt_rate: float = 1000.0
    output_rate: float = 50.0
    lanes: float = math.inf
    slots: int = 4

    def load_seconds(self, size: int, *, mapped: bool) -> float:
        """Return how long a load takes.

        Args:
            size: Bytes.
            mapped: Whether the model is in the tier below; it is read from disk before otherwise.
        """
        from_disk = 0.0 if mapped else size / self.map_bandwidth
        return self.load_latency + from_disk + size / self.load_bandwidth

    def answer_seconds(self, prompt_tokens: int, output_tokens: int) -> float:
        """Return how long an answer takes."""
        return prompt_tokens / self.prompt_rate + output_tokens / self.output_rate
