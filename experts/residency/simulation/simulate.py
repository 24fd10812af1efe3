"""The simulation: discrete events, one scheduler, a memory and lanes that take their time."""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from experts.residency.actions import Evict, Load, Start
from experts.residency.policy.values import Model, Resident, Rules
from experts.residency.scheduler import Scheduler
from experts.residency.simulation.machine import Machine
from experts.residency.simulation.optimum import Use
from experts.residency.simulation.trace import Request


class ModelTooLarge(ValueError):
    """A model does not fit into memory even alone."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A model's time in memory.

    Args:
        model: Which.
        begins: When its load began, in seconds.
        ready: When it could answer.
        ends: When it was taken out, or the simulation ended.
        asked: Whether a request waited for it when it was loaded.
    """

    model: str
    begins: float
    ready: float
    ends: float
    asked: bool


@dataclass(slots=True)
class Outcome:
    """What came of a simulation. Times are seconds from its beginning.

    Args:
        waits: From arrival to start, in the order of the trace.
        latencies: From arrival to the whole answer, likewise.
        uses: Answers in the order in which they were begun.
        stays: Times in memory, in the order of their loads.
        load_seconds: Sum over all loads.
        bytes_loaded: Likewise.
        ends: When the last answer was done.
        most_bytes: Most that was ever in memory.
    """

    waits: array[float]
    latencies: array[float]
    uses: list[Use] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    load_seconds: float = 0.0
    bytes_loaded: int = 0
    ends: float = 0.0
    most_bytes: int = 0

    @property
    def loads(self) -> int:
        """How often a model was loaded."""
        return len(self.stays)


def rules_for(machine: Machine, **fields: object) -> Rules:
    """Return rules for a machine.

    Args:
        machine: Says how much fits, and how much is done at once.
        fields: Others of :class:`.Rules`.
    """
    common = {"lanes": machine.lanes, "slots": machine.slots, **fields}
    return Rules(capacity=machine.loaded, mapped=machine.mapped, **common)  # type: ignore[arg-type]


class Simulation:
    """One run.

    Args:
        trace: Requests by time.
        sizes: Bytes of each expert's model.
        machine: What it runs on.
        rules: By which it is scheduled.
        warm: Whether the tier below holds models at the beginning, as many as fit.
    """

    def __init__(
        self,
        trace: Sequence[Request],
        sizes: Mapping[str, int],
        machine: Machine,
        rules: Rules,
        *,
        warm: bool = False,
    ) -> None:
        for name, size in sizes.items():
            if size > machine.loaded:
                raise ModelTooLarge(
                    f"'{name}' has {size:,} bytes, and there are {machine.loaded:,.0f}"
                )
        self._trace = trace
        self._machine = machine
        self._sizes = sizes
        self._scheduler = Scheduler(
            rules,
            (
                Model(name, size, machine.load_seconds(size, mapped=False))
                for name, size in sizes.items()
            ),
        )
        if warm:
            self._warm()
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._serial = count()
        self._arrives = 0
        self._under_way: dict[str, tuple[float, float, bool]] = {}
        nothing = array("d", bytes(8 * len(trace)))
        self._outcome = Outcome(waits=nothing, latencies=nothing[:])

    def run(self) -> Outcome:
        """Return what comes of it."""
        woken = -1.0
        while (now := self._next()) < math.inf:
            # Whatever happens at the same time is known before it is decided on.
            while self._arrives < len(self._trace) and self._trace[self._arrives].at == now:
                self._arrived(self._arrives, now)
                self._arrives += 1
            while self._events and self._events[0][0] == now:
                heapq.heappop(self._events)[2](now)
            self._act(now)
            wake = self._scheduler.wake_at(now)
            if wake is not None and wake != woken:
                woken = wake
                self._at(wake, lambda _: None)
        self._close()
        return self._outcome

    def _next(self) -> float:
        """Return when something happens next; infinity: nothing does."""
        arrives = self._trace[self._arrives].at if self._arrives < len(self._trace) else math.inf
        return min(arrives, self._events[0][0] if self._events else math.inf)

    def _warm(self) -> None:
        below = self._scheduler.mapped
        for name, size in self._sizes.items():
            if size <= below.free:
                below.residents[name] = Resident(size, 0.0)

    def _at(self, when: float, happened: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._serial), happened))

    def _arrived(self, number: int, now: float) -> None:
        request = self._trace[number]
        self._scheduler.arrived(
            number,
            request.answers,
            now,
            category=request.category,
            probabilities=request.probabilities,
        )

    def _finished(self, model: str, seconds: float, now: float) -> None:
        self._scheduler.finished(model, now, seconds)
        self._outcome.ends = now

    def _loaded(self, model: str, now: float) -> None:
        began, _, asked = self._under_way[model]
        self._under_way[model] = (began, now, asked)
        self._scheduler.was_loaded(model, now, now - began)

    def _act(self, now: float) -> None:
        while actions := self._scheduler.actions(now):
            for action in actions:
                if isinstance(action, Start):
                    self._start(action, now)
                elif isinstance(action, Load):
                    self._load(action, now)
                else:
                    self._evict(action, now)

    def _start(self, action: Start, now: float) -> None:
        request = self._trace[action.request]
        seconds = self._machine.answer_seconds(request.prompt_tokens, request.output_tokens)
        self._outcome.uses.append(Use(action.model, now, now + seconds))
        self._outcome.waits[action.request] = now - request.at
        self._outcome.latencies[action.request] = now + seconds - request.at
        self._at(now + seconds, partial(self._finished, action.model, seconds))

    def _load(self, action: Load, now: float) -> None:
        size = self._sizes[action.model]
        seconds = self._machine.load_seconds(size, mapped=action.mapped)
        self._outcome.load_seconds += seconds
        self._outcome.bytes_loaded += size
        self._outcome.most_bytes = max(self._outcome.most_bytes, self._scheduler.loaded.used)
        self._under_way[action.model] = (now, now, action.asked)
        self._at(now + seconds, partial(self._loaded, action.model))

    def _evict(self, action: Evict, now: float) -> None:
        self._scheduler.was_evicted(action.model)
        self._stayed(action.model, now)

    def _stayed(self, model: str, now: float) -> None:
        began, ready, asked = self._under_way.pop(model)
        self._outcome.stays.append(Stay(model, began, ready, now, asked))

    def _close(self) -> None:
        for model in list(self._under_way):
            self._stayed(model, self._outcome.ends)
        self._outcome.stays.sort(key=lambda stay: stay.begins)
