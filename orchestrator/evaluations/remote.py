"""Asks through a running service, which holds the experts' keys, counts and charges."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experts.pricing import nanos_of
from orchestrator.evaluations.asking import CUT_OFF, Again, Question, Reply

if TYPE_CHECKING:
    from coe_client import AsyncCoe

_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class RemoteAsker:
    """Asks the service for an expert by its id.

    Args:
        client: Of the service.
    """

    client: AsyncCoe

    async def ask(self, question: Question, again: Again) -> Reply:  # noqa: ARG002
        """Return the answer; see :class:`orchestrator.evaluations.asking.Asker`.

        The service asks again by its own rules: what that costs is known afterwards.
        """
        from coe_client import CoeError

        began = time.monotonic()
        messages: list[dict[str, Any]] = list(question.messages)
        try:
            answer = await self.client.chat.create(
                messages,
                model=question.expert.id,
                explain=True,
                extra_body=dict(question.parameters),
            )
        except CoeError as problem:
            return Reply(error=str(problem)[:_LONGEST_ERROR], seconds=_since(began))
        told = answer.coe
        usage = told.usage if told is not None else None
        other = told is not None and told.expert not in (None, question.expert.id)
        return Reply(
            text=answer.text,
            error=f"'{told.expert}' answered in its place" if told is not None and other else "",
            read=usage.prompt_tokens if usage is not None else 0,
            written=usage.completion_tokens if usage is not None else 0,
            nanos=nanos_of(told.cost_usd or 0.0) if told is not None else 0,
            seconds=_since(began),
            cut=bool(answer.choices) and answer.choices[0].finish_reason == CUT_OFF,
        )


def _since(began: float) -> float:
    return round(time.monotonic() - began, 6)
