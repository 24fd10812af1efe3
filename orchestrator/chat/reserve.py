"""What is reserved for a request before its expert is called: the most it is expected to use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from experts.calling.attempts import Attempt
from experts.catalogue.expert import Expert
from experts.counting.habits import Habit
from experts.pricing import most_in_nanos
from orchestrator.tenants.keys import Principal
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.charges import foreseeable, may_cost

_MOST_TOKENS = 10**9
_MOST_NANOS = 10**15
"""No budget is larger."""
_MOST_CHOICES = 128
"""``n`` of OpenAI's API is no larger."""
_LENGTHS = ("max_completion_tokens", "max_tokens")


class Reservation:
    """What is reserved for a request, however many experts are asked for its answer.

    An expert that is asked after another, or beside it, may be dearer, and what the others have cost is
    paid too: more is reserved then, or the expert is not asked. So a budget is never overspent by more than
    calls cost beyond their estimates.

    Args:
        top_up: Reserves more.
        ask: What the request needed of its limits when it was let through.
        reserved: Billionths of a dollar that were reserved for it.
        attempts: All that is tried for it, running.
        estimate: Returns the most a call of an expert is expected to cost, in billionths of a dollar.
    """

    def __init__(
        self,
        top_up: Callable[[Ask, int], Awaitable[bool]],
        ask: Ask,
        reserved: int,
        attempts: Sequence[Attempt],
        estimate: Callable[[Expert], int],
    ) -> None:
        self._top_up = top_up
        self._ask = ask
        self._reserved = reserved
        self._attempts = attempts
        self._estimate = estimate
        self._asking = asyncio.Lock()

    async def permit(self, expert: Expert) -> bool:
        """Tell whether an expert may be asked, too: what it may cost is reserved then."""
        async with self._asking:  # of two that are asked at once, each sees what the other needs
            under_way = (one.expert for one in self._attempts if may_cost(one))
            needed = self._estimate(expert) + sum(map(self._estimate, under_way))
            more = needed - self._reserved
            if more > 0:
                if not await self._top_up(self._ask, more):
                    return False
                self._reserved = needed
            return True


def ask_of(
    request_id: str,
    principal: Principal,
    expert: Expert,
    prompt_tokens: int,
    fields: Mapping[str, msgspec.Raw],
    usual: int,
    habit: Habit,
) -> Ask:
    """Return what a request needs of its limits.

    Args:
        request_id: The request's id.
        principal: Who asks.
        expert: Who is to answer; its price holds.
        prompt_tokens: Estimate of the prompt.
        fields: The request's top-level fields.
        usual: Tokens of an answer where neither the request nor the expert says a most.
        habit: How the expert counts, as far as that is known.
    """
    prompt = habit.foreseen_tokens(foreseeable(expert, prompt_tokens))
    answer = answer_tokens(fields, expert, prompt, usual)
    return Ask(
        request_id,
        principal.tenant,
        principal.key_id,
        tokens=prompt + answer,
        least_tokens=prompt_tokens,
        nanos=min(
            most_in_nanos(prompt, answer, expert.price, _service_tier(fields, expert)), _MOST_NANOS
        ),
    )


def answer_tokens(
    fields: Mapping[str, msgspec.Raw], expert: Expert, prompt_tokens: int, usual: int
) -> int:
    """Return the most tokens an answer may have, all choices of ``n`` together.

    What the request says goes before what the expert says, that before ``usual``; and no answer is
    longer than what the prompt leaves of the expert's context.
    """
    said = (_decoded(fields.get(name)) for name in _LENGTHS)
    most = next(_positive((*said, *(expert.parameters.get(name) for name in _LENGTHS))), usual)
    room = expert.context_window - prompt_tokens
    choices = next(_positive((_decoded(fields.get("n")),)), 1)
    return min(most, room if room > 0 else most) * min(choices, _MOST_CHOICES)


def _service_tier(fields: Mapping[str, msgspec.Raw], expert: Expert) -> str:
    """Return the tier of service that is asked for: by the request, else by the expert's entry."""
    asked = _decoded(fields.get("service_tier")) or expert.parameters.get("service_tier")
    return asked if isinstance(asked, str) else ""


def _decoded(raw: msgspec.Raw | None) -> Any:
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None  # not JSON: whoever reads it will say so


def _positive(values: tuple[Any, ...]) -> Iterator[int]:
    """Yield those that are whole, positive numbers; the others are for the expert to refuse."""
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            yield min(value, _MOST_TOKENS)
