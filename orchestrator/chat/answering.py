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

from experts.errors import ExpertError
from experts.providers import sse
from experts.providers.wire import Head, chunk, completion
from orchestrator.chat.disconnect import ClientGone, unless_gone
from orchestrator.chat.errors import api_error
from orchestrator.chat.length import cut
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.review import status_of
from orchestrator.chat.run_account import RunAccount
from orchestrator.chat.steps import (
    chunks_of,
    ending,
    extension_chunk,
    outcome_fields,
    step_fields,
    usage_of,
)
from orchestrator.chat.streaming import StreamResponse, again
from orchestrator.chat.telling import cost_text, decision_fields, decision_headers, with_extension
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
        most: Tokens that the answer may have; ``None``: any number.
    """

    strategy: str
    chat: ChatRequest
    run: Run
    account: RunAccount
    decision: RoutingDecision
    head: Head
    most: int | None = None

    async def whole(self, request: Request) -> Response:
        """Answer when all is done."""
        try:
            async with self._accounted():
                outcome = await unless_gone(execute(self.strategy, self.run), request.receive)
                body = await self.chat.passed(self._body(outcome))
        except ClientGone:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        record = await self._close_ok(outcome)
        if self.chat.explain:
            body = with_extension(body, self._explanation(record, outcome))
        headers = self._headers() | {"x-coe-cost": cost_text(record)}
        return Response(body, media_type="application/json", headers=headers)

    async def streamed(self, request: Request) -> Response | StreamResponse:
        """Answer as it happens; until something has, a failure can still be a status."""
        events: Events = asyncio.Queue()
        self.run.emit = events.put_nowait
        running = asyncio.ensure_future(execute(self.strategy, self.run))
        running.add_done_callback(lambda _: events.put_nowait(None))
        judged = None
        try:
            async with self._accounted(running):
                first = await unless_gone(events.get(), request.receive)
                if first is None:
                    running.result()
                if self.chat.holds_streams:
                    judged = await unless_gone(
                        self._judged(first, events, running), request.receive
                    )
        except ClientGone:
            await _stopped(running)
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except BaseException:
            await _stopped(running)
            raise
        told = self._told(first, events) if judged is None else again(judged)
        return StreamResponse(self._blocks(told, running), self._headers())

    async def _judged(
        self, first: Event | None, events: Events, running: asyncio.Future[Outcome]
    ) -> list[bytes]:
        """Return all that happens once it has, and guardrails have judged the answer.

        Raises:
            ApiError: 403 if one blocks it, 503 if it cannot be judged.
        """
        blocks = [block async for block in self._told(first, events)]
        running.result()
        review = self.chat.review
        return blocks if review is None else await review.stream(blocks)

    async def _blocks(
        self, told: AsyncIterator[bytes], running: asyncio.Future[Outcome]
    ) -> AsyncGenerator[bytes, None]:
        try:
            async with self._accounted(running):
                yield sse.write_event(chunk(self.head, {"role": "assistant", "content": ""}))
                async for block in told:
                    yield block
                outcome = await running
                record = await self._close_ok(outcome)
                yield self._ending(record, outcome)
        except ApiError as error:
            yield sse.write_event(msgspec.json.encode(error.body(self.run_id)))
        finally:
            await _stopped(running)

    async def _told(self, event: Event | None, events: Events) -> AsyncIterator[bytes]:
        """Yield what happens until nothing more does, and a sign of life where that takes long."""
        while event is not None:
            if isinstance(event, AnswerDelta):  # the whole answer: no strategy has it earlier
                self.account.first_token()
                event = AnswerDelta(cut(event.text, self.most))
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
        usage = usage_of(outcome.steps) if self.chat.usage_wanted else None
        parts = [ending(self.head, self._finish(outcome), usage)]
        if self.chat.explain:
            parts.append(extension_chunk(self.head, self._explanation(record, outcome)))
        return b"".join((*parts, sse.DONE))

    @property
    def run_id(self) -> str:
        """The request's id."""
        return self.head.id

    @asynccontextmanager
    async def _accounted(
        self, running: asyncio.Future[Outcome] | None = None
    ) -> AsyncIterator[None]:
        """Close the account of what goes wrong within, and say it as an error of ours.

        Args:
            running: The run, if it goes on beside this.

        Raises:
            ApiError: For every expected failure.
        """
        try:
            try:
                yield
            except BaseException:
                if running is not None:  # only then is known what its last calls have cost
                    await _stopped(running)
                raise
        except NothingAnswered as error:
            await self._close("failed", "nothing_answered")
            raise ApiError(502, "nothing_answered", f"No expert answered: {error}.") from error
        except NoExpert as error:
            await self._close("failed", "no_eligible_expert")
            raise ApiError(503, "no_eligible_expert", str(error)) from error
        except ApiError as error:
            await self._close(status_of(error), error.code)
            raise
        except ExpertError as error:
            await self._close("failed", error.code)
            raise api_error(error) from error
        except (ClientGone, asyncio.CancelledError, GeneratorExit):
            await self._close("cancelled")
            raise
        except Exception:
            await self._close("failed", "internal_error")
            raise

    def _shown(self, outcome: Outcome) -> list[dict[str, Any]] | None:
        """Return the steps; ``None`` where a guardrail has redacted what came of them."""
        review = self.chat.review
        if review is not None and review.changed:
            return None
        return [step_fields(step) for step in outcome.steps]

    def _body(self, outcome: Outcome) -> bytes:
        return completion(
            self.head,
            cut(outcome.text, self.most),
            finish_reason=self._finish(outcome),
            usage=usage_of(outcome.steps),
        )

    def _finish(self, outcome: Outcome) -> str:
        return "stop" if cut(outcome.text, self.most) == outcome.text else "length"

    async def _close_ok(self, outcome: Outcome) -> UsageRecord:
        answer = cut(outcome.text, self.most)
        return await self.account.close("ok", outcome.steps, answer=answer, errors=self.run.errors)

    async def _close(self, status: Status, error_code: str | None = None) -> UsageRecord:
        return await self.account.close(
            status, self.run.steps.values(), error_code=error_code, errors=self.run.errors
        )

    def _headers(self) -> dict[str, str]:
        return {
            "x-coe-strategy": self.strategy,
            "x-coe-cache": "bypass",
            **decision_headers(self.decision),
            **self.account.rate_headers,
        }

    def _explanation(self, record: UsageRecord, outcome: Outcome) -> dict[str, Any]:
        return {
            "request_id": record.request_id,
            "decision": decision_fields(self.decision) | {"strategy": self.strategy},
            "run": outcome_fields(outcome),
            "steps": self._shown(outcome),
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
