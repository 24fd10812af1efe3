"""Questions of an evaluation as items of a job: each asked once, charged once, its answer the item's result."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from experts.calling.call import CallOptions, ExpertCaller
from experts.catalogue.expert import Expert
from experts.errors import ExpertError, ExpertFailed
from orchestrator.catalogue.service import CatalogueService
from orchestrator.chat.charges import Asked, calls_of
from orchestrator.chat.errors import api_error
from orchestrator.chat.target import Target
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.experts import within
from orchestrator.evaluations.asking import Question, Reply, content_of
from orchestrator.evaluations.collecting import Asking
from orchestrator.evaluations.records import Answer, Verdict
from orchestrator.jobs.record import Again, Item, ItemState, Outcome, Result, Row
from orchestrator.jobs.retries import pause_before
from orchestrator.tenants.keys import Principal
from orchestrator.usage.record import UsageRecord, token_fields

API = "evaluations"
_BUSY = frozenset({"expert_overloaded", "expert_timeout", "expert_unreachable"})


class Body(msgspec.Struct, frozen=True):
    """What is asked.

    Args:
        expert: Id of who is asked; the entry is the job's, as it was when that was started.
        messages: All that it gets to see.
        parameters: Further fields of the request.
        repeat: From 0.
        prompt: Id of the prompt.
        category: Of the prompt.
        pair: Of a judge: whose answer is shown first, and whose second.
    """

    expert: str
    messages: list[dict[str, Any]]
    parameters: dict[str, Any]
    repeat: int
    prompt: str
    category: str
    pair: tuple[str, str] | None

    def asking(self, entry: Expert) -> Asking:
        """Return the question, and what it is asked for."""
        question = Question(entry, tuple(self.messages), self.parameters, self.repeat)
        return Asking(question, GradedTask(self.prompt, self.category, ""), self.pair)


def item_of(number: int, asking: Asking, most_tokens: int) -> Row:
    """Return a question as an item.

    Args:
        number: Of the item.
        asking: The question.
        most_tokens: That an answer has at the most.
    """
    question = asking.question
    body = Body(
        question.expert.id,
        [dict(message) for message in question.messages],
        dict(question.parameters),
        question.repeat,
        asking.task.id,
        asking.task.category,
        asking.pair,
    )
    return {
        "number": number,
        "custom_id": question.key,
        "grp": question.expert.id,
        "body": msgspec.json.encode(body).decode(),
        "plan": {"most_nanos": question.most(most_tokens)},
    }


def record_in(line: str) -> Answer | Verdict | None:
    """Return what an item's result says; ``None`` where it never came to asking."""
    found = msgspec.json.decode(line)
    if "key" not in found:
        return None
    if "judge" in found:
        return msgspec.convert(found, Verdict)
    return msgspec.convert(found, Answer)


@dataclass(frozen=True, slots=True)
class Questioner:
    """Asks.

    Args:
        caller: Calls experts.
        catalogue: Knows the versions of entries, for the usage record.
        timeout: Seconds for one answer.
        chance: From 0 to 1, by lot.
    """

    caller: ExpertCaller
    catalogue: CatalogueService
    timeout: float
    chance: Callable[[], float] = random.random

    async def perform(self, job: Row, principal: Principal, item: Item) -> Outcome:
        """Ask one question; every expected failure is an outcome.

        One that has cost something is not asked again: it costs no more than was set aside for it.
        """
        body = msgspec.json.decode(item.body, type=Body)
        entry = Expert.model_validate(job["payload"]["entries"][body.expert])
        asking = body.asking(entry)
        began = time.monotonic()
        options = CallOptions(
            self.timeout, self.timeout, item.request_id, origin=principal.tenant, permit=_nobody
        )
        text, cut, error = "", False, None
        try:
            fields = {**within(entry, body.parameters), "messages": body.messages}
            text, cut = content_of((await self.caller.complete(entry, fields, options)).body)
        except ExpertError as problem:
            error = problem
        target = Target(entry, self.catalogue.current)
        new = await calls_of(options.attempts, target, Asked(body.messages), text)
        calls = [*item.calls, *new]
        tokens = token_fields(calls)
        code = None if error is None else api_error(error).code
        message = None if error is None else str(error) or type(error).__name__
        strain = _strain(error, code)
        if isinstance(error, ExpertFailed) and not tokens["cost_nanos"]:
            pause = pause_before(item.attempts, self.chance(), error.retry_after)
            if pause is not None:
                return Again(item, pause, calls, code, message, strain)
        seconds = time.monotonic() - began
        reply = Reply(
            text,
            message or "",
            tokens["prompt_tokens"],
            tokens["completion_tokens"],
            tokens["cost_nanos"],
            round(seconds, 6),
            cut,
        )
        usage = UsageRecord(
            request_id=item.request_id,
            tenant=principal.tenant,
            key_id=principal.key_id,
            api=API,
            model=entry.id,
            status="ok" if error is None else "failed",
            category=body.category or None,
            expert=entry.id,
            expert_version=target.versions.get(entry.id),
            error_code=code,
            **tokens,
            attempts=None if len(calls) == 1 else calls,
            duration_ms=round(seconds * 1000, 3),
        )
        line = msgspec.json.encode(asking.record(reply)).decode()
        state: ItemState = "ok" if error is None else "failed"
        return Result(item, state, line, usage, code, message, strain)


async def _nobody(_: Expert) -> bool:
    """Refuse to have an expert asked once more within a call: that is another attempt."""
    return False


def _strain(error: ExpertError | None, code: str | None) -> float | None:
    """Return the seconds to leave an expert alone; ``None`` if it did not say that it is busy."""
    if error is None or code not in _BUSY:
        return None
    return max(error.retry_after or 0.0, 0.0)
