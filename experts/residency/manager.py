"""Keeps local models within a memory budget: requests wait here for their model, grouped by it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeVar

from experts.errors import ExpertError, ExpertMisconfigured
from experts.residency.actions import Action, Load, Start
from experts.residency.backends.protocol import Backend
from experts.residency.policy.values import Rules
from experts.residency.roster import Roster, state_of
from experts.residency.scheduler import Scheduler
from experts.residency.views import MemoryView, ModelView, State
from experts.residency.watching import Unwatched, Watch

T = TypeVar("T")

log = logging.getLogger(__name__)


class ModelInUse(Exception):
    """A model cannot go now; the message says why."""


class NoRoomToPin(Exception):
    """With one more model pinned, another could not be loaded any more; the message names it."""


class ResidencyManager:
    """Loads and unloads models as requests need them.

    Belongs to one event loop.

    Args:
        rules: How memory is kept.
        watch: Is told of loads and waiting.
    """

    def __init__(self, rules: Rules, watch: Watch | None = None) -> None:
        self._scheduler = Scheduler(rules)
        self._watch = watch or Unwatched()
        self._roster = Roster(self._scheduler)
        self._starts: dict[int, asyncio.Future[None]] = {}
        self._serial = count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
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
        likely: Mapping[str, float] | None = None,
        counts: bool = True,
    ) -> AsyncIterator[None]:
        """Wait until a model is loaded and has a place for this request; keep it while inside.

        Args:
            name: The model's identity.
            backend: Loads it. One that is known by this name already is used in its stead.
            expert: Id of the expert that is called.
            slots: Requests that it answers at once; as the rules say unless given.
            category: What kind of request it is, where that is known.
            likely: How likely the router thought each kind.
            counts: Whether it says anything of requests to come.

        Raises:
            ExpertMisconfigured: If it is larger than the budget.
            ExpertError: If it could not be loaded.
        """
        await self.introduce(name, backend, expert=expert, slots=slots)
        request = next(self._serial)
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._starts[request] = started
        asked = self._roster[name].asked_at = self._now()
        self._scheduler.arrived(
            request, name, asked, category=category, likely=likely, counts=counts
        )
        try:
            self._step()
            await started
        except BaseException:
            self._withdraw(request, name, started)
            raise
        began = self._now()
        self._watch.waited(expert, began - asked)
        try:
            yield
        finally:
            if not self._closed:
                self._scheduler.finished(name, self._now(), self._now() - began)
                self._step()

    async def introduce(
        self, name: str, backend: Backend, *, expert: str, slots: float | None = None
    ) -> None:
        """Make a model known: how large it is, and whether it is there already. Args as for :meth:`hold`.

        Raises:
            ExpertMisconfigured: If it is larger than the budget, or this is closed.
            ExpertError: If that cannot be found out.
        """
        if self._closed:
            raise ExpertMisconfigured("local models are being shut down")
        await self._roster.introduce(name, backend, expert, slots)

    async def unload(self, name: str) -> None:
        """Take a model out, until it is asked for again; nothing where it is out.

        Raises:
            ModelInUse: If it is pinned, answers something, or is waited for.
            ExpertError: If its server could not be told. It counts as out even so.
        """
        residents = self._scheduler.loaded.residents
        if name not in residents:
            return
        action = self._scheduler.let_go(name)
        if action is None:
            pinned = name in self._scheduler.models.pinned
            why = "is pinned" if pinned else "answers requests, is waited for, or on its way"
            raise ModelInUse(f"the model {why}")
        failed = await asyncio.shield(self._begin(self._evict(action.model)))
        if failed is not None:
            raise failed

    def pin(self, name: str) -> None:
        """Never take a model out for others, once it is loaded.

        Args:
            name: One that was introduced.

        Raises:
            NoRoomToPin: If another one could not be loaded any more.
        """
        squeezed = self._scheduler.models.squeezed_by(name)
        if squeezed is not None:
            raise NoRoomToPin(f"there would be no room for '{squeezed}' any more")
        self._scheduler.pin(name)
        self._step_unless_closed()

    def unpin(self, name: str) -> None:
        """Let a model be taken out again."""
        self._scheduler.unpin(name)
        self._step_unless_closed()

    async def view(self) -> list[ModelView]:
        """Return all models that are known, by name."""
        return await self._roster.view(self._now())

    def memory(self) -> MemoryView:
        """Return how full memory is."""
        models, residents = self._scheduler.models, self._scheduler.loaded.residents
        states: dict[State, int] = {"loading": 0, "loaded": 0, "unloading": 0}
        for resident in residents.values():
            states[state_of(resident)] += 1
        return MemoryView(
            budget=self._scheduler.rules.capacity,
            used=self._scheduler.loaded.used,
            pinned=sum(one.size for name, one in residents.items() if name in models.pinned),
            waiting=len(self._starts),
            states=states,
        )

    async def aclose(self) -> None:
        """Begin nothing more; whoever waits is told to go. What is loaded is left to those it belongs to."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for started in self._starts.values():
            if not started.done():
                started.cancel()
        await self._roster.aclose()
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # From here on, nothing but what the scheduler says is done.

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

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
            self._begin(self._evict(action.model))

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _load(self, name: str) -> None:
        known = self._roster[name]
        began = self._now()
        try:
            size = await known.backend.load()
        except Exception as error:  # noqa: BLE001 (whatever it is, those who wait are told)
            self._watch.not_loaded(known.expert)
            for request in self._scheduler.was_not_loaded(name):
                self._starts.pop(request).set_exception(_for_each_caller(error))
        else:
            known.loads += 1
            seconds = self._now() - began
            self._watch.loaded(known.expert, seconds)
            self._scheduler.was_loaded(name, self._now(), seconds, size)
            if size is not None:
                self._roster.took(name, size)
        self._step_unless_closed()

    async def _evict(self, name: str) -> Exception | None:
        """Take a model out; return what came instead."""
        failed = None
        try:
            await self._roster[name].backend.unload()
        except Exception as error:  # noqa: BLE001 (whatever it is, others wait for the room)
            # A server that cannot be told has either gone, and its memory with it, or will say so at
            # the next load. To keep the room taken would shut others out for good.
            log.warning("%s could not be unloaded: %s", name, error)
            failed = error
        self._watch.evicted(self._roster[name].expert)
        self._scheduler.was_evicted(name)
        self._step_unless_closed()
        return failed

    def _step_unless_closed(self) -> None:
        if not self._closed:
            self._step()


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
