"""Answers one item of a batch: the same guardrails and the same calls as chat, and another ledger."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from experts.calling.attempts import Attempt
from experts.calling.call import CallOptions, ExpertCaller
from experts.catalogue.expert import Expert
from experts.counting.counter import answer_text
from experts.errors import ExpertError, ExpertFailed
from experts.pricing import usd_of
from orchestrator.batches.lines import ENDPOINTS
from orchestrator.batches.plans import Plan, Planner, plan_of
from orchestrator.chat.charges import Asked, calls_of
from orchestrator.chat.errors import api_error
from orchestrator.chat.guarding import GuardedChat
from orchestrator.chat.request import ChatRequest
from orchestrator.chat.review import Review, status_of
from orchestrator.chat.target import Target
from orchestrator.guardrails.service import Guardrails
from orchestrator.jobs.ending import line_id
from orchestrator.jobs.record import Again, Item, Outcome, Result, Row
from orchestrator.jobs.retries import pause_before
from orchestrator.kit.errors import ApiError
from orchestrator.tenants.keys import Principal
from orchestrator.usage.content.capture import captured
from orchestrator.usage.journal import UsageJournal
from orchestrator.usage.record import Status, UsageRecord, token_fields
from router import routing_text

API = "batches"
_FAITHFUL_ATTEMPTS = 2
"""Attempts that are made at the expert it was routed to alone: in a batch, waiting costs nothing."""
_STRAINED = {"expert_overloaded": 0.0, "expert_timeout": 0.0, "expert_unreachable": 1.0}
"""Codes of failures that say that there are too many calls, and seconds to leave the expert alone."""
_NOBODY = Request({"type": "http", "headers": []})
"""Whose answer is not streamed, and who cannot go away."""


@dataclass(frozen=True, slots=True)
class Performer:
    """Answers items.

    Args:
        planner: Decides anew where what was decided is not there any more.
        callers: Of experts, by endpoint of the batch.
        guardrails: Judge requests and answers.
        journal: Of requests; those of a batch do not go through it.
        budgeted: Tells whether a budget holds for what somebody asks.
        timeout: Seconds until a whole answer must be there.
        chance: From 0 to 1, by lot.
    """

    planner: Planner
    callers: Mapping[str, ExpertCaller]
    guardrails: Guardrails
    journal: UsageJournal
    budgeted: Callable[[Principal], bool]
    timeout: float
    chance: Callable[[], float] = random.random

    async def perform(self, job: Row, principal: Principal, item: Item) -> Outcome:
        """Answer one item; every expected failure is an outcome."""
        endpoint = job["payload"]["endpoint"]
        chat = replace(ENDPOINTS[endpoint](item.body.encode()), api=API, stream=False)
        call = _Call(self, self.callers[endpoint], principal, item, chat)
        try:
            await self._answered(call)
        except ExpertError as error:
            return await self._failed(call, api_error(error), error)
        except ApiError as error:
            return await self._failed(call, error, None)
        record = await call.record("ok", None)
        line = answered_line(item, call.body, record)
        return Result(item, "ok", line, record, strain=_strain(call.attempts, item, None))

    async def _answered(self, call: _Call) -> None:
        chat, item = call.chat, call.item
        rails = self.guardrails if "messages" in chat.fields else self.guardrails.of_requests
        asked: GuardedChat | _Call = _Guarded(call, rails, self.journal) if rails.any else call
        await asked.answer(chat, call.principal, _NOBODY, item.request_id)

    async def _failed(self, call: _Call, said: ApiError, error: ExpertError | None) -> Outcome:
        item = call.item
        strain = _strain(call.attempts, item, error)
        passing = isinstance(error, ExpertFailed) or (
            error is None and said.code in {"no_eligible_expert", "guardrail_unavailable"}
        )
        asked = None if error is None else error.retry_after
        pause = pause_before(item.attempts, self.chance(), asked) if passing else None
        if pause is not None:
            calls = [*item.calls, *await call.calls()]
            return Again(item, pause, calls, said.code, said.message, strain)
        record = await call.record(status_of(said), said.code)
        line = refused_line(item, said)
        return Result(item, "failed", line, record, said.code, said.message, strain)


@dataclass(slots=True)
class _Call:
    """The call of one item, where chat has its pipeline."""

    performer: Performer
    caller: ExpertCaller
    principal: Principal
    item: Item
    chat: ChatRequest
    review: Review | None = None
    body: bytes = b""
    attempts: list[Attempt] = field(default_factory=list)
    _began: float = field(default_factory=time.perf_counter)
    _plan: Plan | None = None
    _target: Target | None = None
    _written: str = ""

    async def answer(
        self, chat: ChatRequest, principal: Principal, request: Request, request_id: str
    ) -> Response:
        """Answer it, and keep the answer.

        Raises:
            ExpertError: If nobody does.
            ApiError: If nobody can be asked.
        """
        del request
        self.chat, self.review = chat, chat.review
        experts = await self._experts(chat)
        timeout = self.performer.timeout
        options = CallOptions(
            timeout,
            timeout,
            request_id,
            origin=principal.tenant,
            attempts=self.attempts,
            category=self._plan.category if self._plan else None,
        )
        answer = await self.caller.complete(experts, chat.fields, options)
        if answer.usage is None or principal.content.level == "all":
            self._written = answer_text(answer.body)
        self.body = await chat.passed(answer.body)
        return Response()

    async def calls(self) -> list[dict[str, Any]]:
        """Return what this attempt is charged with, as usage records list calls."""
        if self._target is None:
            return []
        asked = Asked(self.chat.messages, self.chat.tools)
        return await calls_of(self.attempts, self._target, asked, self._written)

    async def record(self, status: Status, error_code: str | None) -> UsageRecord:
        """Return the usage record of the item: of all attempts."""
        calls = [*self.item.calls, *await self.calls()]
        plan = self._plan or plan_of(self.item.plan)
        last: Mapping[str, Any] = calls[-1] if calls else {}
        keeps = self.principal.content.stores
        content = await captured(
            self.principal.content,
            text=routing_text(self.chat.messages).text if keeps else "",
            messages=self.chat.messages,
            answer=self._written,
        )
        return UsageRecord(
            request_id=self.item.request_id,
            tenant=self.principal.tenant,
            key_id=self.principal.key_id,
            api=API,
            model=self.chat.model,
            status=status,
            policy=plan.policy,
            category=plan.category,
            confidence=plan.confidence,
            router_version=plan.router_version,
            expert=last.get("expert", plan.group or None),
            expert_version=last.get("version"),
            error_code=error_code,
            **token_fields(calls),
            attempts=None if len(calls) == 1 else calls,
            guardrails=None if self.review is None else self.review.noted,
            duration_ms=round((time.perf_counter() - self._began) * 1000, 3),
            text=content.text,
            prompt=content.prompt,
            answer=content.answer,
        )

    async def _experts(self, chat: ChatRequest) -> Sequence[Expert]:
        """Return who is asked: whom it was routed to, others once that one has failed twice.

        Raises:
            ApiError: If there is nobody.
        """
        plan = self._plan = plan_of(self.item.plan)
        catalogue = self.performer.planner.catalogue.current
        found = [
            expert
            for id_ in plan.experts
            if (expert := catalogue.experts.get(id_)) is not None
            and expert.enabled
            and self.principal.may_use(id_)
        ]
        if not found:
            self._plan, self._target = await self.performer.planner.decide(
                chat, self.principal, self.item.request_id
            )
            return self._target.experts
        self._target = Target(found[0], catalogue)
        if self.item.attempts <= _FAITHFUL_ATTEMPTS:
            return found[:1]
        return self._affordable(found, plan) if self.performer.budgeted(self.principal) else found

    def _affordable(self, found: list[Expert], plan: Plan) -> list[Expert]:
        """Return the first, and those of the others that cost no more than is reserved."""
        worth = self.performer.planner.worth
        others = [one for one in found[1:] if worth(self.chat, one, plan) <= plan.most_nanos]
        return [found[0], *others]


class _Guarded(GuardedChat):
    """Guardrails around the call of an item, which is recorded with its result."""

    async def _kept_out(self, chat: ChatRequest, review: Review, error: ApiError) -> None:
        del chat, error
        if isinstance(self.inner, _Call):
            self.inner.review = review


def answered_line(item: Item, body: bytes, record: UsageRecord) -> str:
    """Return the line that holds an answer; its body is the expert's, on one line."""
    head = {"id": line_id(item), "custom_id": item.custom_id}
    told = {"expert": record.expert, "cost_usd": usd_of(record.cost_nanos)}
    one_line = body.replace(b"\n", b" ").replace(b"\r", b" ").decode("utf-8", "replace").strip()
    return (
        f"{msgspec.json.encode(head).decode()[:-1]},"
        f'"response":{{"status_code":200,"request_id":"{item.request_id}","body":{one_line}}},'
        f'"error":null,"coe":{msgspec.json.encode(told).decode()}}}'
    )


def refused_line(item: Item, error: ApiError) -> str:
    """Return the line of a request that was answered with an error, as the endpoint would have said it."""
    response = {
        "status_code": error.status,
        "request_id": item.request_id,
        "body": error.body(item.request_id),
    }
    line = {"id": line_id(item), "custom_id": item.custom_id, "response": response, "error": None}
    return msgspec.json.encode(line).decode()


def _strain(attempts: Sequence[Attempt], item: Item, error: ExpertError | None) -> float | None:
    """Return the seconds to leave an expert alone, ``None`` if nothing says that it has too much to do."""
    codes = {one.error for one in attempts if one.expert.id == item.group}
    pauses = [_STRAINED[code] for code in codes if code in _STRAINED]
    if not pauses:
        return None
    asked = 0.0 if error is None or error.retry_after is None else error.retry_after
    return max(*pauses, asked if math.isfinite(asked) else 0.0, 0.0)
