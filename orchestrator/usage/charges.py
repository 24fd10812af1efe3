"""What each call of an expert is charged with, however it ended: its tokens, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from experts.calling.attempts import Attempt
from experts.catalogue.expert import Expert
from experts.counting.counter import at_least_written, counted, learn
from experts.counting.habits import Habit
from experts.counting.measure import is_text
from experts.counting.produced import Produced
from experts.errors import ExpertTimedOut
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage

NOTHING = Usage(0, 0)
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """What experts read, to be counted where they do not count.

    Args:
        messages: The conversation, decoded.
        tools: The tools, decoded.
        foreseen: Tokens of these that were estimated before the call, where what its expert counts is to be
            learned from; ``None`` where it is not.
    """

    messages: Sequence[Any] = ()
    tools: Sequence[Any] | None = None
    foreseen: int | None = None

    def by(self, expert: Expert) -> Sequence[Any]:
        """Return what an expert read: its own system prompt stands first."""
        if not expert.system_prompt:
            return self.messages
        return [{"role": "system", "content": expert.system_prompt}, *self.messages]


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call costs, or several of the same expert together.

    Args:
        usage: The tokens.
        nanos: Billionths of a US dollar.
    """

    usage: Usage
    nanos: int


async def charges_of(
    attempts: Sequence[Attempt], asked: Asked, written: str
) -> list[tuple[Attempt, Charge]]:
    """Return what each call costs, whoever answered last.

    Args:
        attempts: In the order in which they began.
        asked: What they read.
        written: What was passed on of the answer.
    """
    skipped = [one for one in attempts if one.outcome == "skipped"]
    answered = [one for one in attempts if one.sent or one.outcome == "ok"]
    others = [one for one in attempts if one not in skipped and one not in answered]
    # Where nobody has answered, nobody has counted either: that it cost nothing is our guess.
    nothing = replace(NOTHING, estimated=not answered)
    return [
        *[(one, Charge(nothing, 0)) for one in skipped],
        *[(one, await _charge(one, asked, "", nothing)) for one in others],
        *[(one, await _charge(one, asked, written, nothing)) for one in answered],
    ]


def total(charges: Iterable[Charge]) -> Charge:
    """Return what several calls cost together; estimated if any of them is."""
    usage, nanos = NOTHING, 0
    for charge in charges:
        usage, nanos = added(usage, charge.usage), nanos + charge.nanos
    return Charge(usage, nanos)


def added(one: Usage, other: Usage) -> Usage:
    """Return the tokens of two calls together; estimated if either is."""
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.completion_tokens + other.completion_tokens,
        cached_tokens=one.cached_tokens + other.cached_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
        estimated=one.estimated or other.estimated,
    )


def may_cost(attempt: Attempt) -> bool:
    """Tell whether a call has cost something, or may do so while it goes on."""
    return _costs(attempt) or attempt.usage is not None or bool(attempt.unseen)


async def _charge(attempt: Attempt, asked: Asked, written: str, nothing: Usage) -> Charge:
    expert, usage, habit = attempt.expert, attempt.usage, attempt.habit
    written += _unseen(attempt)
    if usage is not None and attempt.outcome == "ok" and habit is not None:
        _learn(habit, expert, usage, asked, written)
    if usage is not None and written and attempt.outcome != "ok":
        usage = await at_least_written(usage, expert.model, written, habit)
    if usage is None and (written or _costs(attempt)):
        usage = await counted(
            expert.model, messages=asked.by(expert), tools=asked.tools, written=written, habit=habit
        )
    usage = usage or nothing
    return Charge(usage, cost_in_nanos(usage, expert.price))


def _learn(habit: Habit, expert: Expert, usage: Usage, asked: Asked, written: str) -> None:
    """Learn how an expert counts from a whole answer, if it is the turn of this one."""
    if asked.foreseen is None or usage.estimated or not habit.take():
        return
    if is_text(asked.messages):
        habit.foresaw(foreseeable(expert, asked.foreseen), usage)
    messages = asked.by(expert)
    learn(habit, usage, expert.model, messages=messages, tools=asked.tools, written=written)


def foreseeable(expert: Expert, prompt_tokens: int) -> int:
    """Return the tokens of a prompt that can be foreseen, an expert's own system prompt included.

    Args:
        expert: Who is to answer.
        prompt_tokens: Estimate of what the caller says.
    """
    return prompt_tokens + len(expert.system_prompt or "") // _CHARACTERS_PER_TOKEN


def _unseen(attempt: Attempt) -> str:
    """Return what an expert wrote that nobody has seen, since it failed before that was passed on."""
    produced = Produced()
    produced.add(attempt.unseen)
    return produced.text


def _costs(attempt: Attempt) -> bool:
    """Tell whether an expert that did not count its tokens has to be thought to bill for some.

    One that failed or refused before it said anything has billed nothing that we know of. One that
    was left while it worked has read the prompt, whether nobody wanted its answer any more or it
    took too long.
    """
    left = attempt.outcome in {"cancelled", "running"} or attempt.error == ExpertTimedOut.code
    return left or attempt.sent or attempt.outcome == "ok"
