"""The models that a manager knows, and what loads each of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from experts.errors import ExpertMisconfigured
from experts.residency.backends.protocol import Backend
from experts.residency.policy.values import Model, Resident
from experts.residency.scheduler import Scheduler
from experts.residency.views import ModelView, Place, State

_DISK_BANDWIDTH = 500e6
"""Bytes a second that a first load is thought to come in at; later ones go by what was measured."""


@dataclass(slots=True)
class Known:
    """A model that was introduced.

    Args:
        backend: Loads it.
        size: Bytes, as was told before it was ever loaded.
        measured: Whether it was loaded, and what it takes was measured.
        experts: Ids of those that it answers for.
        loads: How often it was loaded.
        asked_at: When it was last asked for, in seconds.
    """

    backend: Backend
    size: int
    measured: bool = False
    experts: set[str] = field(default_factory=set)
    loads: int = 0
    asked_at: float | None = None

    @property
    def expert(self) -> str:
        """The expert that it goes by where there is one name for it."""
        return min(self.experts, default="")


class Roster:
    """Models by name.

    Args:
        scheduler: Is told of them.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._known: dict[str, Known] = {}
        self._introductions: dict[str, asyncio.Task[None]] = {}
        self._growth: dict[type, float] = {}

    def __getitem__(self, name: str) -> Known:
        return self._known[name]

    async def introduce(
        self, name: str, backend: Backend, expert: str, slots: float | None
    ) -> None:
        """Make a model known, once, however many ask for it at a time.

        Args:
            name: The model's identity.
            backend: Loads it.
            expert: Id of an expert that it answers for.
            slots: Requests that it answers at once; ``None``: as the rules say.

        Raises:
            ExpertMisconfigured: If it is larger than the budget.
            ExpertError: If its size cannot be found out.
        """
        if name not in self._known:
            task = self._introductions.get(name)
            if task is None:
                task = asyncio.create_task(self._learn(name, backend, slots))
                self._introductions[name] = task
                task.add_done_callback(lambda _: self._introductions.pop(name, None))
            await asyncio.shield(task)
        self._known[name].experts.add(expert)

    def took(self, name: str, size: int) -> None:
        """Tell what a model took when it was loaded, in bytes; others of its kind are thought of anew.

        A model takes more than its file: there are its cache and its buffers.
        """
        known = self._known[name]
        known.measured = True
        kind = type(known.backend)
        growth = max(self._growth.get(kind, 1.0), size / max(known.size, 1))
        self._growth[kind] = growth
        for each, other in self._known.items():
            if type(other.backend) is kind and not other.measured:
                self._scheduler.models.expect(each, int(other.size * growth))

    async def view(self, now: float) -> list[ModelView]:
        """Return all models, by name.

        Args:
            now: Seconds.
        """
        known = dict(sorted(self._known.items()))
        places = await asyncio.gather(*(each.backend.place() for each in known.values()))
        shares = self._scheduler.shares(now)
        return [
            self._view_of(name, place, shares.get(name, 0.0), now)
            for name, place in zip(known, places, strict=True)
        ]

    async def aclose(self) -> None:
        """Wait until nobody is being introduced any more."""
        await asyncio.gather(*self._introductions.values(), return_exceptions=True)

    async def _learn(self, name: str, backend: Backend, slots: float | None) -> None:
        size = await backend.size()
        models = self._scheduler.models
        if size > models.room_for(name):
            room = max(models.room_for(name), 0)
            message = (
                f"a model of {size:,} bytes does not fit into the budget: there are {room:,.0f}"
            )
            message += " beside pinned models" if models.pinned else ""
            raise ExpertMisconfigured(f"{message} (COE_RESIDENCY_BUDGET)")
        there = await backend.is_loaded()
        thought = int(size * self._growth.get(type(backend), 1.0))
        models.add(Model(name, thought, size / _DISK_BANDWIDTH, slots))
        self._known[name] = Known(backend, size)
        if there:
            self._scheduler.is_there(name, asyncio.get_running_loop().time())

    def _view_of(self, name: str, place: Place, share: float, now: float) -> ModelView:
        known, resident = self._known[name], self._scheduler.loaded.residents.get(name)
        models = self._scheduler.models
        return ModelView(
            name=name,
            experts=tuple(sorted(known.experts)),
            state=place if resident is None else state_of(resident),
            size=models.size(name),
            measured=known.measured,
            pinned=name in models.pinned,
            in_use=resident.in_use if resident else 0,
            waiting=self._scheduler.queues.count(name),
            loads=known.loads,
            idle_seconds=None if known.asked_at is None else now - known.asked_at,
            share=share,
        )


def state_of(resident: Resident) -> State:
    """Return where a model that takes room in memory is."""
    return "unloading" if resident.leaving else "loaded" if resident.ready else "loading"
