"""Machines as the simulator sees them: how much fits where, and how fast it gets there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

GB = 10**9
TB = 10**12


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
    map_bandwidth: float = 3 * GB
    load_latency: float = 0.0
    prompt_rate: float = 2000.0
    output_rate: float = 60.0
    lanes: float = 1
    slots: int = 8

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


# The last three stand beside each other in "SambaNova SN40L: Scaling the AI Memory Wall with Dataflow and
# Composition of Experts" (arXiv 2405.07518), nodes of eight sockets or GPUs. Models reach the upper tier from DDR
# at over 1 TB/s there, and from the host's memory over PCIe at 32 or 64 GB/s here. Rates of tokens are the same
# for all three on purpose: what is compared is the memory.
MACHINES: Mapping[str, Machine] = {
    machine.name: machine
    for machine in (
        Machine("workstation", 24 * GB, 25 * GB, mapped=64 * GB),
        Machine(
            "processor",
            16 * GB,
            10 * GB,
            mapped=32 * GB,
            prompt_rate=100,
            output_rate=10,
            lanes=2,
            slots=4,
        ),
        Machine("sn40l", 8 * 64 * GB, 1 * TB, mapped=8 * 1.5 * TB),
        Machine("dgx-a100", 8 * 80 * GB, 32 * GB, mapped=2 * TB),
        Machine("dgx-h100", 8 * 80 * GB, 64 * GB, mapped=2 * TB),
    )
}
"""Machines by name."""
