"""Chat requests that a strategy answers: ``model: "coe-<strategy>"``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts.calling.call import ExpertCaller
from experts.pricing import NANOS_PER_USD, nanos_of
from experts.providers import sse
from experts.providers.wire import Head, chunk, completion
from orchestrator.assignments.service import Assignments
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.accounting import cost_text, decision_fields, decision_headers
from orchestrator.chat.assigned import ignored, refused
from orchestrator.chat.disconnect import ClientGone, unless_gone
from orchestrator.chat.limits import Limits as Asked
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
from orchestrator.chat.target import Asking, decide, encoded
from orchestrator.conductor.code import Sandbox
from orchestrator.conductor.engine import execute
from orchestrator.conductor.events import AnswerDelta, Event
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.conductor.grounds import bounded, with_format
from orchestrator.conductor.knowledge import Knowledge
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.nodes.conclude import NothingAnswered
from orchestrator.conductor.ports import NoExpert
from orchestrator.conductor.run import Run
from orchestrator.conductor.sources import with_sources
from orchestrator.conductor.strategies.direct import DIRECT
from orchestrator.conductor.values import Outcome, Task
from orchestrator.kit.errors import ApiError
from orchestrator.kit.http import CLIENT_CLOSED_REQUEST
from orchestrator.routers.service import ActiveRouter
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import Status, UsageRecord
from router import RoutingDecision, RoutingText

_HEARTBEAT = b": at work\n\n"
_HEARTBEAT_SECONDS = 15.0
_LEAST = 1e-9
"""Of money, so that a caller who allows nothing is answered by what is free."""
_INHERITED = ("temperature", "top_p", "seed")
"""Fields of the request that each call of an expert takes over."""

Events = asyncio.Queue[Event | None]


@dataclass(frozen=True, slots=True)
class StrategyPipeline:
    """Answers chat requests with a strategy.

    Args:
        catalogue: The experts.
        router: Chooses between them.
        caller: Calls them.
        journal: Records what they cost.
        sandbox: Runs code.
        default_policy: The trade-off experts are chosen under.
        limits: Of one run.
        timeout: Seconds for one answer of an expert.
        knowledge: What runs are told beforehand.
        assignments: Which strategies answer requests that name none.
    """

    catalogue: CatalogueService
    router: ActiveRouter
    caller: ExpertCaller
    journal: UsageJournal
    sandbox: Sandbox
    default_policy: str
    limits: Limits
    timeout: float
    knowledge: Knowledge
    assignments: Assignments

    def assigned(
        self, chat: ChatRequest, decision: RoutingDecision | None, tenant: str
    ) -> tuple[str | None, str | None]:
        """Return the strategy that an operator has assigned to a request, if one has.

        Args:
            chat: The request; ``model`` names no strategy.
            decision: The router's, where ``model`` names no expert either.
            tenant: Whose it is.

        Returns:
            The strategy that answers it; and what is said of one that does not.
        """
        if decision is None:
            return None, None
        strategy = self.assignments.find(tenant, decision.policy, decision.category)
        if strategy in {None, DIRECT.name}:
            return None, None
        reason = ignored(chat)
        return (strategy, None) if reason is None else (None, f"{strategy}; reason={reason}")

    async def answer(
        self,
        strategy: str,
        chat: ChatRequest,
        told: RoutingText,
        asking: Asking,
        request: Request,
        decision: RoutingDecision | None = None,
    ) -> Response | StreamResponse:
        """Answer one request.

        Args:
            strategy: That answers it.
            chat: The request.
            told: What it says, for routing.
            asking: Which it is, and whose.
            request: As it came.
            decision: The router's, if it has decided already.

        Raises:
            ApiError: For every expected failure; the usage record is written before.
        """
        _check_form(chat)
        decision = decision or await self._decided(chat, told, asking)
        account = RunAccount(
            self.journal,
            asking.principal,
            request_id=asking.request_id,
            api=chat.api,
            model=chat.model,
            decision=decision,
            streamed=chat.stream,
        )
        limits = within(bounded(self.limits, chat.grounds.limits), chat.limits)
        admission = await account.open(ask_of_run(asking, limits, told.prompt_tokens))
        run = self._run(chat, told, decision, asking, reserved(limits, admission.nanos))
        head = Head(asking.request_id, int(time.time()), chat.model)
        answering = _Answering(strategy, chat, run, account, decision, head)
        return await (answering.streamed if chat.stream else answering.whole)(request)

    async def _decided(
        self, chat: ChatRequest, told: RoutingText, asking: Asking
    ) -> RoutingDecision:
        await encoded(told, self.router, asking)
        return decide(
            told,
            self.default_policy,
            catalogue=self.catalogue.current,
            router=self.router,
            asking=asking,
            limits=chat.limits,
        )

    def _run(
        self,
        chat: ChatRequest,
        told: RoutingText,
        decision: RoutingDecision,
        asking: Asking,
        limits: Limits,
    ) -> Run:
        experts = CatalogueExperts(
            self.catalogue.current,
            self.router,
            self.caller,
            asking.request_id,
            allowed=asking.principal.experts,
            timeout=self.timeout,
        )
        task = Task(
            messages=with_sources(chat.messages, chat.grounds.context),
            context=chat.grounds.context,
            facts=chat.grounds.facts,
            checks=with_format(chat.grounds.checks, chat.response_format),
            text=told.text,
            policy=decision.policy,
            category=decision.category,
            uncertainty=decision.uncertainty,
            tenant=asking.principal.tenant,
            parameters={
                name: msgspec.json.decode(chat.fields[name])
                for name in _INHERITED
                if name in chat.fields
            },
        )
        return self.knowledge.given_to(Run(task, experts, self.sandbox, limits=limits))


def _check_form(chat: ChatRequest) -> None:
    name = refused(chat)
    if name is not None:
        told = f"A strategy cannot give what '{name}' asks for: name a policy or an expert instead."
        raise ApiError(400, "invalid_request", told, param=name)


def ask_of_run(asking: Asking, limits: Limits, prompt_tokens: int) -> Ask:
    """Return what a run needs of its caller's limits: its own budget, or what is left of theirs."""
    principal = asking.principal
    return Ask(
        asking.request_id,
        principal.tenant,
        principal.key_id,
        tokens=prompt_tokens,
        least_tokens=prompt_tokens,
        nanos=nanos_of(limits.usd),
        least_nanos=1,
    )


def reserved(limits: Limits, nanos: int) -> Limits:
    """Return limits with no more money than was reserved."""
    return replace(limits, usd=max(min(limits.usd, nanos / NANOS_PER_USD), _LEAST))


def within(limits: Limits, asked: Asked) -> Limits:
    """Return what a run may use: no more money and time than the caller allows."""
    usd, seconds = asked.max_cost, asked.max_latency
    if usd is not None:
        limits = replace(limits, usd=min(limits.usd, max(usd, _LEAST)))
    if seconds is not None:
        limits = replace(limits, seconds=min(limits.seconds, max(seconds, _LEAST)))
    return limits


@dataclass(frozen=True, slots=True)
class _Answering:
    """One request being answered."""

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
        record = await self.account.close("ok", outcome.steps)
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
                record = await self.account.close("ok", outcome.steps)
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
            await asyncio.shield(asyncio.ensure_future(self._close("cancelled")))
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
