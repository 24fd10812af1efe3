"""Keeps local models within a memory budget: requests wait here for their model, grouped by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from experts.errors import ExpertError, ExpertMisconfigured
from experts.residency.actions import Action, Evict, Load, Start
from experts.residency.backends.protocol import Backend
from experts.residency.policy.values import Model, Rules
from experts.residency.scheduler import Scheduler

_DISK_BANDWIDTH = 500e6
"""Bytes a second that a first load is thought to come in at; later ones go by what was measured."""

State = Literal["loaded", "loading", "unloading", "unloaded"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    backend: Backend
    size: int
    """Bytes, as was told before it was ever loaded."""
    measured: bool = False
    experts: set[str] = field(default_factory=set)
    loads: int = 0
    asked_at: float | None = None


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model as it is now.

    Args:
        name: Which.
        experts: Ids of those that it answers for.
        state: Where it is.
        size: Bytes that it takes, or would take.
        in_use: Requests that are being answered with it.
        waiting: Requests that wait for it.
        loads: How often it was loaded.
        idle_seconds: Since it was last asked for; ``None``: never.
        share: Of the coming requests, as expected.
    """

    name: str
    experts: tuple[str, ...]
    state: State
    size: int
    in_use: int
    waiting: int
    loads: int
    idle_seconds: float | None
    share: float


class ResidencyManager:
    """Loads and unloads models as requests need them.

    Belongs to one event loop.

    Args:
        rules: How memory is kept.
    """

    def __init__(self, rules: Rules) -> None:
        self._scheduler = Scheduler(rules)
        self._known: dict[str, _Known] = {}
        self._introductions: dict[str, asyncio.Task[None]] = {}
        self._starts: dict[int, asyncio.Future[None]] = {}
        self._serial = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._growth: dict[type, float] = {}
        self._closed = False

    @asynccontextmanager
    async def hold(
        self,
        name: str,
        backend: Backend,
        *,
        expert: str,
        slots: float | None = None,
        category: str | None = None,
    ) -> AsyncIterator[None]:
        """Wait until a model is loaded and has a place for this request; keep it while inside.

        Args:
            name: The model's identity.
            backend: Loads it. One that is known by this name already is used in its stead.
            expert: Id of the expert that is called.
            slots: Requests that it answers at once; as the rules say unless given.
            category: What kind of request it is, where that is known.

        Raises:
            ExpertMisconfigured: If it is larger than the budget.
            ExpertError: If it could not be loaded.
        """
        await self._introduce(name, backend, slots)
        self._known[name].experts.add(expert)
        request = next(self._serial)
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._starts[request] = started
        self._known[name].asked_at = self._now()
        self._scheduler.arrived(request, name, self._now(), category=category)
        try:
            self._step()
            await started
        except BaseException:
            self._withdraw(request, name, started)
            raise
        began = self._now()
        try:
            yield
        finally:
            if not self._closed:
                self._scheduler.finished(name, self._now(), self._now() - began)
                self._step()

    def view(self) -> list[ModelView]:
        """Return all models that were ever asked for, by name."""
        shares = self._scheduler.shares(self._now())
        return [self._view_of(name, shares.get(name, 0.0)) for name in sorted(self._known)]

    async def aclose(self) -> None:
        """Begin nothing more; whoever waits is told to go. What is loaded is left to those it belongs to."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for started in self._starts.values():
            if not started.done():
                started.cancel()
        await asyncio.gather(*self._introductions.values(), return_exceptions=True)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # From here on, nothing but what the scheduler says is done.

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _introduce(self, name: str, backend: Backend, slots: float | None) -> None:
        if self._closed:
            raise ExpertMisconfigured("local models are being shut down")
        if name in self._known:
            return
        task = self._introductions.get(name)
        if task is None:
            task = asyncio.create_task(self._learn(name, backend, slots))
            self._introductions[name] = task
            task.add_done_callback(lambda _: self._introductions.pop(name, None))
        await asyncio.shield(task)

    async def _learn(self, name: str, backend: Backend, slots: float | None) -> None:
        size = await backend.size()
        capacity = self._scheduler.rules.capacity
        if size > capacity:
            message = f"a model of {size:,} bytes does not fit into the budget of {capacity:,.0f}"
            raise ExpertMisconfigured(f"{message} (COE_RESIDENCY_BUDGET)")
        there = await backend.is_loaded()
        self._scheduler.add(Model(name, size, size / _DISK_BANDWIDTH, slots))
        self._known[name] = _Known(backend, size)
        self._expect_as_much_more(type(backend))
        if there:
            self._scheduler.is_there(name, self._now())

    def _withdraw(self, request: int, name: str, started: asyncio.Future[None]) -> None:
        """Take back a request whose caller went away, or whose model failed."""
        self._starts.pop(request, None)
        if self._closed:
            return
        if not started.done() or started.cancelled():
            self._scheduler.gone(request, name)
        elif started.exception() is None:
            self._scheduler.finished(name, self._now())
        self._step()

    def _step(self) -> None:
        """Do what is to be done now, and see to it that it is asked again in time."""
        while actions := self._scheduler.actions(self._now()):
            for action in actions:
                self._do(action)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake = self._scheduler.wake_at(self._now())
        if wake is not None and not self._closed:
            self._timer = asyncio.get_running_loop().call_at(wake, self._step)

    def _do(self, action: Action) -> None:
        if isinstance(action, Start):
            self._starts.pop(action.request).set_result(None)
        elif isinstance(action, Load):
            self._begin(self._load(action.model))
        else:
            self._begin(self._evict_and_go_on(action))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, name: str) -> None:
        known = self._known[name]
        began = self._now()
        try:
            size = await known.backend.load()
        except Exception as error:  # noqa: BLE001 (whatever it is, those who wait are told)
            for request in self._scheduler.was_not_loaded(name):
                self._starts.pop(request).set_exception(_for_each_caller(error))
        else:
            known.loads += 1
            self._scheduler.was_loaded(name, self._now(), self._now() - began, size)
            if size is not None:
                known.measured = True
                self._growth[type(known.backend)] = max(
                    self._growth.get(type(known.backend), 1.0), size / max(known.size, 1)
                )
                self._expect_as_much_more(type(known.backend))
        self._step_unless_closed()

    def _expect_as_much_more(self, kind: type) -> None:
        """Think of models that were never loaded as growing like others of their kind did.

        A model takes more than its file: there are its cache and its buffers.
        """
        growth = self._growth.get(kind, 1.0)
        for name, known in self._known.items():
            if type(known.backend) is kind and not known.measured:
                self._scheduler.expect(name, int(known.size * growth))

    async def _evict_and_go_on(self, action: Evict) -> None:
        await self._evict(action.model)
        self._step_unless_closed()

    async def _evict(self, name: str) -> None:
        try:
            await self._known[name].backend.unload()
        except ExpertError as error:
            # A server that cannot be told has either gone, and its memory with it, or will say so at
            # the next load. To keep the room taken would shut others out for good.
            log.warning("%s could not be unloaded: %s", name, error)
        self._scheduler.was_evicted(name)

    def _step_unless_closed(self) -> None:
        if not self._closed:
            self._step()

    def _view_of(self, name: str, share: float) -> ModelView:
        known, resident = self._known[name], self._scheduler.loaded.residents.get(name)
        state: State = "unloaded"
        if resident is not None:
            state = "unloading" if resident.leaving else "loaded" if resident.ready else "loading"
        return ModelView(
            name=name,
            experts=tuple(sorted(known.experts)),
            state=state,
            size=self._scheduler.size(name),
            in_use=resident.in_use if resident else 0,
            waiting=self._scheduler.waiting(name),
            loads=known.loads,
            idle_seconds=None if known.asked_at is None else self._now() - known.asked_at,
            share=share,
        )


def _for_each_caller(error: Exception) -> Exception:
    """Return an error to raise in one caller: each adds its own traceback and attempts to it."""
    if isinstance(error, ExpertError):
        return type(error)(
            error.message,
            expert=error.expert,
            upstream_status=error.upstream_status,
            upstream_body=error.upstream_body,
            retry_after=error.retry_after,
        )
    return error
