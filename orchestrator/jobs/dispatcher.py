"""A worker's share of the items: it takes those whose turn it is, does them, and has them stored."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.jobs import items, repository
from orchestrator.jobs.away import AWAY
from orchestrator.jobs.ending import failed_line
from orchestrator.jobs.fairness import Turns, Waiting
from orchestrator.jobs.kinds import Kinds
from orchestrator.jobs.lanes import Held, Lane, Lanes
from orchestrator.jobs.money import Budgets
from orchestrator.jobs.record import Again, Item, Outcome, Result
from orchestrator.jobs.retries import MOST_ATTEMPTS
from orchestrator.jobs.running import Job, Jobs
from orchestrator.jobs.writer import Writer
from orchestrator.kit import logs_context

_LOOK_SECONDS = 1.0
_BUSY_LOOK_SECONDS = 0.2
_MOST_TAKEN = 128
"""Items taken for one turn."""
_NO_MONEY_SECONDS = 15.0
_STOP_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Dispatcher:
    """Takes items and does them.

    Args:
        engine: Postgres.
        kinds: How items of each kind of job are done.
        writer: Stores what became of them.
        budgets: Reserves what they may cost.
        turns: Says whose turn it is.
        most: Items that may be under way at once.
        worker: Returns the name that the worker's lease is under.
    """

    engine: AsyncEngine
    kinds: Kinds
    writer: Writer
    budgets: Budgets
    turns: Turns
    most: int
    worker: Callable[[], str]
    news: asyncio.Event = field(default_factory=asyncio.Event)
    lanes: Lanes = field(init=False)
    jobs: Jobs = field(init=False)
    _statements: AsyncEngine = field(init=False)
    _waiting: list[Waiting] = field(default_factory=list)
    _stale: bool = True
    pauses: dict[str, float] = field(default_factory=dict)
    _stopping: bool = False

    def __post_init__(self) -> None:
        self.lanes = Lanes(self.most)
        self._statements = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.jobs = Jobs(self.engine, self.kinds)

    async def run(self) -> None:
        """Take and do items until cancelled."""
        while True:
            self.news.clear()
            try:
                await self._take_all()
            except (*AWAY, RedisError) as error:
                log.warning("no items are taken for now: %s", error)
                await asyncio.sleep(_LOOK_SECONDS)
            await self._told(self._pause())

    def look(self) -> None:
        """Look for items now: there may be new ones."""
        self._stale = True
        self.news.set()

    async def stop(self) -> None:
        """Take no more items, give back those that are not begun, and let the others end if they soon do.

        Raises:
            TimeoutError: If what became of them cannot be stored in time.
        """
        self._stopping = True
        self._give_back(self.lanes.taken_out())
        tasks = self.lanes.tasks
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        async with asyncio.timeout(_STOP_SECONDS):
            await self.writer.flush()

    def drop(self) -> None:
        """Let go of everything: it is others' by now."""
        self.lanes.taken_out()
        for task in self.lanes.tasks:
            task.cancel()

    async def release_stopped(self) -> None:
        """Give back what is not begun of jobs that are not running any more."""
        known = frozenset(held.item.job_id for held in self.lanes.held)
        self._give_back(self.lanes.taken_out(known - await self.jobs.still_running(known)))

    def _pause(self) -> float:
        opens = self.lanes.opens_in(time.monotonic())
        # While there is something to do, more of the same may just be put in.
        look = _LOOK_SECONDS if self.lanes.room == self.most else _BUSY_LOOK_SECONDS
        return look if opens is None else min(look, opens)

    async def _told(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.news.wait()
        except TimeoutError:
            self._stale = True

    async def _take_all(self) -> None:
        self._begin_ready()
        if self._stale:
            self._stale = False
            async with self.engine.connect() as connection:
                self._waiting = await repository.waiting(connection)
            self.turns.enter({one.tenant for one in self._waiting})
        while not self._stopping:
            now = time.monotonic()
            wanted = {
                one: most
                for one in self._waiting
                if (most := self._wants(one, now)) > 0 and self.pauses.get(one.tenant, 0.0) <= now
            }
            chosen = self.turns.next(wanted)
            if chosen is None:
                return
            if not await self._take(chosen, min(wanted[chosen], _MOST_TAKEN)):
                self._waiting.remove(chosen)
            self._begin_ready()

    def _wants(self, one: Waiting, now: float) -> int:
        room = 2 * self.most - self.lanes.ready  # all lanes together cannot have more under way
        return min(room, self.lanes.of(one.group).wants(now))

    async def _take(self, chosen: Waiting, most: int) -> bool:
        """Take items; returns whether there may be more of the same."""
        job = await self.jobs.get(chosen.job_id)
        if job is None:
            return False
        async with self._statements.connect() as connection:
            taken = await items.claim(connection, chosen.job_id, chosen.group, self.worker(), most)
        self.turns.had(chosen.tenant, len(taken))
        if taken:
            await self._hold(job, chosen, taken)
        return len(taken) == most

    async def _hold(self, job: Job, chosen: Waiting, taken: list[Item]) -> None:
        """Reserve what items may cost, and hold those that there is money for."""
        kind = self.kinds[job.row["kind"]]
        worth = [kind.worth(item) for item in taken]
        tenant, key_id = job.row["tenant"], job.row["key_id"]
        try:
            left, reservation = await self.budgets.reserve(tenant, key_id, sum(worth), worth[0])
        except BaseException:
            self._put_back(taken)
            raise
        kept = len(taken)
        if left < sum(worth):
            kept = _affordable(worth, left)
            self._put_back(taken[kept:])
            self.pauses[tenant] = time.monotonic() + _NO_MONEY_SECONDS
            log.info("job %s waits: a budget is used up", chosen.job_id)
            await self._note(chosen.job_id, "a budget is used up")
        elif chosen.held_up:
            await self._note(chosen.job_id, None)
        if reservation is not None:
            reservation.open = kept
        lane = self.lanes.of(chosen.group)
        lane.ready.extend(Held(item, job.row, job.owner, reservation) for item in taken[:kept])

    async def _note(self, job_id: str, waits_for: str | None) -> None:
        async with self.engine.begin() as connection:
            await repository.wait_for(connection, job_id, waits_for)

    def _put_back(self, taken: Sequence[Item]) -> None:
        for item in taken:
            self.writer.put(Again(item, 0.0, item.calls))

    def _begin_ready(self) -> None:
        for lane in self.lanes:
            self._begin(lane)

    def _begin(self, lane: Lane) -> None:
        room = self.lanes.room
        while lane.ready and room and lane.window.room(time.monotonic(), lane.under_way):
            held = lane.ready.popleft()
            room -= 1
            # Log lines of what is done for it name it.
            ids = {"request_id": held.item.request_id, "tenant": held.principal.tenant}
            with logs_context.working(**ids):
                lane.tasks[asyncio.create_task(self._do(lane, held))] = held

    async def _do(self, lane: Lane, held: Held) -> None:
        began = time.monotonic()
        outcome: Outcome | None = None
        try:
            outcome = await self._outcome(held)
        except asyncio.CancelledError:
            if self._stopping:
                outcome = Again(held.item, 0.0, held.item.calls)
        except Exception as error:
            log.exception("item %d of %s met a bug", held.item.number, held.item.job_id)
            told = f"A bug of ours ({type(error).__name__}). Report it with {held.item.request_id}."
            outcome = failed(held.item, "internal_error", told)
        self._measure(lane, outcome, began)
        task = asyncio.current_task()
        if task is not None:
            del lane.tasks[task]
        if outcome is not None:
            self.writer.put(outcome)
        self._settle(held, outcome)
        self._begin(lane)
        if not lane.ready or lane.wants(time.monotonic()):
            self.news.set()

    async def _outcome(self, held: Held) -> Outcome:
        item = held.item
        if item.attempts > MOST_ATTEMPTS:
            return failed(item, "worker_lost", "Every worker that was at it died.")
        return await self.kinds[held.job["kind"]].perform(held.job, held.principal, item)

    def _measure(self, lane: Lane, outcome: Outcome | None, began: float) -> None:
        now = time.monotonic()
        if outcome is not None and outcome.strain is not None:
            lane.window.overloaded(now, began, outcome.strain)
        elif isinstance(outcome, Result):
            lane.window.answered(now, began, lane.under_way)

    def _give_back(self, given: Sequence[Held]) -> None:
        for held in given:
            outcome = Again(held.item, 0.0, held.item.calls)
            self.writer.put(outcome)
            self._settle(held, outcome)

    def _settle(self, held: Held, outcome: Outcome | None) -> None:
        reservation = held.reservation
        if reservation is None:
            return
        reservation.open -= 1
        if isinstance(outcome, Result) and outcome.record is not None:
            reservation.spent += outcome.record.cost_nanos
        if reservation.open == 0:
            self.budgets.settle_soon(reservation)


def failed(item: Item, code: str, message: str) -> Result:
    """Return the result of an item that failed for a reason of ours."""
    return Result(item, "failed", failed_line(item, code, message), None, code, message)


def _affordable(worth: Sequence[int], left: int) -> int:
    """Return how many of the first items may cost no more than this together."""
    count, sum_ = 0, 0
    for each in worth:
        sum_ += each
        if sum_ > left:
            break
        count += 1
    return count
