"""What callers do with runs: start, look at, cancel, allow, replay. The work itself is the workers'."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from experts import tracing
from orchestrator.kit.ids import uuid7
from orchestrator.runs import listing, repository
from orchestrator.runs.budget import RunBudgets
from orchestrator.runs.listing import Wanted
from orchestrator.runs.live import LiveEvents
from orchestrator.runs.record import ENDED, RunRequest, request_of
from orchestrator.runs.replay import Changes, inherited, replayed
from orchestrator.runs.settlement import settle
from orchestrator.runs.webhooks import service as webhook_service
from orchestrator.tenants.keys import Principal, Role

Row = dict[str, Any]
Enqueue = Callable[[str], Awaitable[None]]
"""Tells the workers of a run; must not raise: what is not told, they find."""


class RunUnknown(Exception):
    """The caller has no such run."""


class RunEnded(Exception):
    """The run has ended already; says how."""


class NotWaiting(Exception):
    """No such step waits for somebody to allow it."""


class WebhookUnknown(Exception):
    """The caller has no such webhook."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was let through and stored.

    Args:
        row: The run.
        headers: ``x-ratelimit-*`` for the answer.
    """

    row: Row
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunService:
    """Runs of all tenants.

    Args:
        engine: Postgres.
        live: Events on their way to whoever watches.
        enqueue: Tells the workers of a run.
        budgets: Reserves what runs may cost.
    """

    engine: AsyncEngine
    live: LiveEvents
    enqueue: Enqueue
    budgets: RunBudgets

    async def start(
        self,
        principal: Principal,
        request_id: str,
        strategy: str,
        request: RunRequest,
        metadata: dict[str, str],
        webhook: str | None,
    ) -> Started:
        """Store a run and tell the workers of it.

        Raises:
            ApiError: 402 or 429 where a limit is in the way.
            WebhookUnknown: If the tenant has no such webhook.
        """
        row = {
            **_new(principal, request_id),
            "strategy": strategy,
            "metadata": metadata,
            "webhook": webhook,
        }
        if carried := tracing.carrier():
            request = msgspec.structs.replace(request, trace=carried)
        return await self._add(principal, row, request)

    async def get(self, principal: Principal, run_id: str) -> tuple[Row, Row, list[Row]]:
        """Return a run, what it has used, and its steps.

        Raises:
            RunUnknown: If the caller has no such run.
        """
        async with self.engine.connect() as connection:
            row = await repository.get(connection, run_id, seen_by(principal))
            if row is None:
                raise RunUnknown(run_id)
            spent = await repository.spent(connection, [run_id])
            steps = await repository.steps_of(connection, run_id)
        return row, spent.get(run_id, repository.NOTHING), steps

    async def page(
        self, principal: Principal, wanted: Wanted, *, limit: int, after: str | None
    ) -> list[tuple[Row, Row]]:
        """Return the caller's runs in the order that is wanted, each with what it has used."""
        async with self.engine.connect() as connection:
            rows = await listing.page(
                connection, seen_by(principal), wanted, limit=limit, after=after
            )
            spent = await repository.spent(connection, [row["id"] for row in rows])
        return [(row, spent.get(row["id"], repository.NOTHING)) for row in rows]

    async def cancel(self, principal: Principal, run_id: str) -> None:
        """End a run, or have its worker end it. One that is being cancelled already stays so.

        Raises:
            RunUnknown: If the caller has no such run.
            RunEnded: If it has ended.
        """
        record = None
        async with self.engine.begin() as connection:
            row = await self._locked(connection, principal, run_id)
            if row["status"] in ENDED:
                raise RunEnded(row["status"])
            if row["status"] == "running":
                await repository.ask_to_cancel(connection, run_id)
            else:
                last = await _next_event(connection, run_id)
                ended = await repository.end_unclaimed(connection, run_id, "cancelled", last)
                if ended is not None:
                    record = await settle(connection, ended)
        if record is not None:
            await self.budgets.settle(row, record.tokens, record.cost_nanos)
        await self.live.steer(run_id)
        await self.live.tell(run_id)

    async def allow(self, principal: Principal, run_id: str, key: str | None) -> None:
        """Allow a step that waits; the run goes on once none waits any more.

        Raises:
            RunUnknown: If the caller has no such run.
            NotWaiting: If no such step waits.
        """
        async with self.engine.begin() as connection:
            key = await self._waiting_step(connection, principal, run_id, key)
            await repository.allow(connection, run_id, key, principal.key_id)
            goes_on = await _goes_on(connection, run_id)
        if goes_on:
            await self.enqueue(run_id)

    async def refuse(self, principal: Principal, run_id: str, key: str | None, reason: str) -> None:
        """Have a step that waits fail instead; the run goes on once none waits any more.

        Raises:
            RunUnknown: If the caller has no such run.
            NotWaiting: If no such step waits.
        """
        told = f"a person did not allow this: {reason}" if reason else "a person did not allow this"
        async with self.engine.begin() as connection:
            key = await self._waiting_step(connection, principal, run_id, key)
            await repository.refuse(connection, run_id, key, told)
            goes_on = await _goes_on(connection, run_id)
        await self.live.tell(run_id)
        if goes_on:
            await self.enqueue(run_id)

    async def replay(
        self,
        principal: Principal,
        request_id: str,
        run_id: str,
        key: str,
        changes: Changes,
        metadata: dict[str, str] | None,
        webhook: str | None,
    ) -> Started:
        """Start a run that takes over the steps of another that came before one of them.

        Raises:
            RunUnknown: If the caller has no such run.
            StepUnknown: If it has no such step.
            ApiError: 402 or 429 where a limit is in the way.
            WebhookUnknown: If the tenant has no such webhook.
        """
        former, _, steps = await self.get(principal, run_id)
        new = _new(principal, request_id)
        request = replayed(request_of(former["request"]), key, changes)
        own_webhook = former["webhook"] if former["tenant"] == principal.tenant else None
        row = {
            **new,
            "strategy": former["strategy"],
            "metadata": former["metadata"] if metadata is None else metadata,
            "webhook": webhook or own_webhook,
            "replay_of": run_id,
            "replay_from": key,
        }
        taken = inherited(steps, key, new["id"], changes)
        return await self._add(principal, row, _allowed(request, principal), taken)

    async def _add(
        self,
        principal: Principal,
        row: Row,
        request: RunRequest,
        taken: list[Row] | None = None,
    ) -> Started:
        reserved = await self.budgets.reserve(principal, row["request_id"], request)
        try:
            stored = await self._store({**row, "request": _stored(reserved.request)}, taken or [])
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(self.budgets.settle(row, 0, 0)))
            raise
        await self.enqueue(stored["id"])
        return Started(stored, reserved.headers)

    async def _store(self, row: Row, taken: list[Row]) -> Row:
        async with self.engine.begin() as connection:
            webhook = row["webhook"]
            if webhook and not await webhook_service.exists(connection, row["tenant"], webhook):
                raise WebhookUnknown(webhook)
            await self.budgets.check_room(connection, row["tenant"])
            return await repository.add(connection, row, taken)

    async def _locked(self, connection: AsyncConnection, principal: Principal, run_id: str) -> Row:
        row = await repository.locked(connection, run_id, seen_by(principal))
        if row is None:
            raise RunUnknown(run_id)
        return row

    async def _waiting_step(
        self, connection: AsyncConnection, principal: Principal, run_id: str, key: str | None
    ) -> str:
        row = await self._locked(connection, principal, run_id)
        waiting = await repository.undecided(connection, run_id)
        if row["status"] != "waiting":
            raise NotWaiting(f"the run is {row['status']}, and no step of it waits")
        if key is None and len(waiting) == 1:
            return waiting[0]
        if key is None:
            raise NotWaiting(f"several steps wait: name one of {', '.join(waiting)}")
        if key not in waiting:
            raise NotWaiting(f"step {key!r} does not wait; {', '.join(waiting)} does")
        return key


def seen_by(principal: Principal) -> str | None:
    """Return the tenant whose runs a caller sees, ``None``: everybody's."""
    return None if principal.role is Role.ADMIN else principal.tenant


async def _goes_on(connection: AsyncConnection, run_id: str) -> bool:
    if await repository.undecided(connection, run_id):
        return False
    await repository.go_on(connection, run_id)
    return True


async def _next_event(connection: AsyncConnection, run_id: str) -> int:
    rows = await repository.steps_of(connection, run_id)
    return max((max(row["begun"] or 0, row["ended"] or 0) for row in rows), default=0) + 1


def _new(principal: Principal, request_id: str) -> Row:
    return {
        "id": f"run_{uuid7().hex}",
        "tenant": principal.tenant,
        "key_id": principal.key_id,
        "request_id": request_id,
    }


def _allowed(request: RunRequest, principal: Principal) -> RunRequest:
    """Return the request with the experts that the key allows by now."""
    experts = None if principal.experts is None else tuple(sorted(principal.experts))
    return msgspec.structs.replace(request, experts=experts)


def _stored(request: RunRequest) -> Row:
    found: Row = msgspec.to_builtins(request)
    return found
