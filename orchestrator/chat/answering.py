"""One chat request being answered by a strategy: whole, or as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts.providers import sse
from experts.providers.wire import Head, chunk, completion
from orchestrator.chat.accounting import cost_text, decision_fields, decision_headers
from orchestrator.chat.disconnect import ClientGone, unless_gone
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.run_account import RunAccount
from orchestrator.chat.steps import (
    chunks_of,
    ending,
    extension_chunk,
    outcome_fields,
    step_fields,
    usage_of,
)
from orchestrator.chat.streaming import StreamResponse
from orchestrator.conductor.engine import execute
from orchestrator.conductor.events import AnswerDelta, Event
from orchestrator.conductor.nodes.conclude import NothingAnswered
from orchestrator.conductor.ports import NoExpert
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Outcome
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import CLIENT_CLOSED_REQUEST
from orchestrator.usage.record import Status, UsageRecord
from router import RoutingDecision

_HEARTBEAT = b": at work\n\n"
_HEARTBEAT_SECONDS = 15.0

Events = asyncio.Queue[Event | None]


@dataclass(frozen=True, slots=True)
class Answering:
    """One request being answered.

    Args:
        strategy: That answers it.
        chat: The request.
        run: Of the strategy.
        account: Of what it costs.
        decision: What the router says of the task.
        head: What all parts of the answer have in common.
    """

    strategy: str
    chat: ChatRequest
    run: Run
    account: RunAccount
    decision: RoutingDecision
    head: Head

    async def whole(self, request: Request) -> Response:
        """Answer when all is done."""
        try:
            async with self._accounted():
                outcome = await unless_gone(execute(self.strategy, self.run), request.receive)
        except ClientGone:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        record = await self.account.close("ok", outcome.steps, answer=outcome.text)
        body = completion(self.head, outcome.text, usage=usage_of(outcome.steps))
        if self.chat.explain:
            explained = msgspec.json.encode(self._explanation(record, outcome))
            body = body[:-1] + b',"coe":' + explained + b"}"
        headers = self._headers() | {"x-coe-cost": cost_text(record)}
        return Response(body, media_type="application/json", headers=headers)

    async def streamed(self, request: Request) -> Response | StreamResponse:
        """Answer as it happens; until something has, a failure can still be a status."""
        events: Events = asyncio.Queue()
        self.run.emit = events.put_nowait
        running = asyncio.ensure_future(execute(self.strategy, self.run))
        running.add_done_callback(lambda _: events.put_nowait(None))
        try:
            async with self._accounted():
                first = await unless_gone(events.get(), request.receive)
                if first is None:
                    running.result()
        except ClientGone:
            await _stopped(running)
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except BaseException:
            await _stopped(running)
            raise
        return StreamResponse(self._blocks(first, events, running), self._headers())

    async def _blocks(
        self, first: Event | None, events: Events, running: asyncio.Future[Outcome]
    ) -> AsyncGenerator[bytes, None]:
        try:
            async with self._accounted():
                yield sse.write_event(chunk(self.head, {"role": "assistant", "content": ""}))
                async for block in self._told(first, events):
                    yield block
                outcome = await running
                record = await self.account.close("ok", outcome.steps, answer=outcome.text)
                yield self._ending(record, outcome)
        except ApiError as error:
            yield sse.write_event(msgspec.json.encode(error.body(self.run_id)))
        finally:
            await _stopped(running)

    async def _told(self, event: Event | None, events: Events) -> AsyncGenerator[bytes, None]:
        """Yield what happens until nothing more does, and a sign of life where that takes long."""
        while event is not None:
            if isinstance(event, AnswerDelta):
                self.account.first_token()
            block = chunks_of(event, self.head, typed=self.chat.events)
            if block:
                yield block
            while True:
                try:
                    # Not wait_for: in Python 3.11 it can lose a cancellation.
                    async with asyncio.timeout(_HEARTBEAT_SECONDS):
                        event = await events.get()
                    break
                except TimeoutError:
                    yield _HEARTBEAT

    def _ending(self, record: UsageRecord, outcome: Outcome) -> bytes:
        parts = [ending(outcome, self.head, usage_wanted=self.chat.usage_wanted)]
        if self.chat.explain:
            parts.append(extension_chunk(self.head, self._explanation(record, outcome)))
        return b"".join((*parts, sse.DONE))

    @property
    def run_id(self) -> str:
        """The request's id."""
        return self.head.id

    @asynccontextmanager
    async def _accounted(self) -> AsyncIterator[None]:
        """Close the account of what goes wrong within, and say it as an error of ours.

        Raises:
            ApiError: For every expected failure.
        """
        try:
            yield
        except NothingAnswered as error:
            await self._close("failed", "nothing_answered")
            raise ApiError(502, "nothing_answered", f"No expert answered: {error}.") from error
        except NoExpert as error:
            await self._close("failed", "no_eligible_expert")
            raise ApiError(503, "no_eligible_expert", str(error)) from error
        except (ClientGone, asyncio.CancelledError, GeneratorExit):
            await self._close("cancelled")
            raise
        except Exception:
            await self._close("failed", "internal_error")
            raise

    async def _close(self, status: Status, error_code: str | None = None) -> UsageRecord:
        return await self.account.close(status, self.run.steps.values(), error_code=error_code)

    def _headers(self) -> dict[str, str]:
        return {
            "x-coe-strategy": self.strategy,
            "x-coe-cache": "miss",
            **decision_headers(self.decision),
            **self.account.rate_headers,
        }

    def _explanation(self, record: UsageRecord, outcome: Outcome) -> dict[str, Any]:
        return {
            "request_id": record.request_id,
            "decision": decision_fields(self.decision),
            "run": outcome_fields(outcome),
            "steps": [step_fields(step) for step in outcome.steps],
            "cost_usd": record.cost_usd,
            "duration_ms": record.duration_ms,
            "first_token_ms": record.first_token_ms,
        }


async def _stopped(running: asyncio.Future[Outcome]) -> None:
    """End a run that may still be going on."""
    if not running.done():
        running.cancel()
        await asyncio.wait((running,))
    if not running.cancelled():
        running.exception()  # seen: it was said above, or nobody is there to be told
