"""Items that a worker has taken, by the expert they are for: as many under way as that one bears."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from orchestrator.jobs.concurrency import Window
from orchestrator.jobs.money import Reservation
from orchestrator.jobs.record import Item, Row
from orchestrator.tenants.keys import Principal

_AHEAD_SECONDS = 0.2
"""For which there is something ready; taking more takes a part of that."""
_LEAST_AHEAD, _MOST_AHEAD = 0.5, 2.0
"""Times what may be under way. What is ready waits for a lease to lapse if the worker dies."""


@dataclass(frozen=True, slots=True)
class Held:
    """An item that this worker has taken, and what is needed to do it.

    Args:
        item: The item.
        job: Its job.
        principal: Whose it is.
        reservation: Of what it may cost, where there is a budget.
    """

    item: Item
    job: Row
    principal: Principal
    reservation: Reservation | None


@dataclass(slots=True)
class Lane:
    """The items for one expert.

    Args:
        window: How many may be under way.
        ready: Those that are not yet.
        tasks: Those that are.
    """

    window: Window
    ready: deque[Held] = field(default_factory=deque)
    tasks: dict[asyncio.Task[None], Held] = field(default_factory=dict)

    @property
    def under_way(self) -> int:
        """How many are."""
        return len(self.tasks)

    def wants(self, now: float) -> int:
        """Return how many more items to take: what is done within a moment is kept ready.

        They are taken many at a time, since taking one costs as much as taking twenty.
        """
        limit, usual = self.window.limit, self.window.usual
        part = _MOST_AHEAD if usual is None or usual <= 0 else _AHEAD_SECONDS / usual
        ahead = math.ceil(limit * min(max(part, _LEAST_AHEAD), _MOST_AHEAD))
        missing = limit + ahead - self.under_way - len(self.ready)
        if self.window.opens_in(now) > 0 or 2 * missing < ahead:
            return 0
        return missing


class Lanes:
    """All lanes of a worker.

    Args:
        most: Items that may be under way in all of them together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes: dict[str, Lane] = {}

    def of(self, group: str) -> Lane:
        """Return the lane of an expert."""
        lane = self._lanes.get(group)
        if lane is None:
            lane = self._lanes[group] = Lane(Window(self._most))
        return lane

    @property
    def room(self) -> int:
        """How many more items may be under way."""
        return self._most - sum(lane.under_way for lane in self._lanes.values())

    @property
    def ready(self) -> int:
        """How many are held and not begun."""
        return sum(len(lane.ready) for lane in self._lanes.values())

    @property
    def held(self) -> Iterator[Held]:
        """All items that are held, begun or not."""
        for lane in self._lanes.values():
            yield from lane.tasks.values()
            yield from lane.ready

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Those that are under way."""
        return [task for lane in self._lanes.values() for task in lane.tasks]

    def __iter__(self) -> Iterator[Lane]:
        """Return the lanes, those with the least under way first."""
        return iter(sorted(self._lanes.values(), key=lambda lane: lane.under_way))

    def opens_in(self, now: float) -> float | None:
        """Return the seconds until a lane with items that are ready opens, ``None`` if none is shut."""
        shut = (lane.window.opens_in(now) for lane in self._lanes.values() if lane.ready)
        return min((seconds for seconds in shut if seconds > 0), default=None)

    def taken_out(self, gone: frozenset[str] | None = None) -> list[Held]:
        """Take out the items that are ready; ``gone``: of these jobs alone."""
        out: list[Held] = []
        for lane in self._lanes.values():
            kept: deque[Held] = deque()
            for held in lane.ready:
                (out if gone is None or held.item.job_id in gone else kept).append(held)
            lane.ready = kept
        return out
