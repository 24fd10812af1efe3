"""Who is asked, and how: from here with the experts' own keys, or through a running service."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from experts.calling.call import CallOptions, ExpertCaller
from experts.catalogue.expert import Expert
from experts.counting.counter import MESSAGE_TOKENS, text_tokens
from experts.errors import ExpertAnswerInvalid, ExpertError
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage
from orchestrator.conductor.experts import within
from orchestrator.conductor.values import Message
from orchestrator.usage.charges import Asked, charges_of, total

Again = Callable[[], bool]
"""Tells whether an expert that failed may be asked once more: that may cost as much again."""
CUT_OFF = "length"
"""Why an answer ended that was as long as it may be, in OpenAI's words."""
_LONGEST_ERROR = 500
_ANSWERING: dict[str, Any] = {
    **dict.fromkeys(("id", "provider", "model", "system_prompt", "parameters"), True),
    "endpoints": {"__all__": {"url", "headers"}},
}
"""Fields of an entry that its answers depend on: not what it costs, nor how it is described."""
_MOST_PER_MESSAGE = 64
"""Tokens that a template puts around a message: more than any that is published."""


@dataclass(frozen=True, slots=True)
class Question:
    """One call.

    Args:
        expert: The entry of who is asked.
        messages: All that it gets to see.
        parameters: Further fields of the request; ``max_tokens`` bounds what it can cost.
        repeat: From 0; the same question again is another question.
    """

    expert: Expert
    messages: tuple[Message, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    repeat: int = 0

    @property
    def key(self) -> str:
        """Digest of all that the answer depends on; a new price or description changes nothing."""
        entry = self.expert.model_dump(mode="json", exclude_defaults=True, include=_ANSWERING)
        whole = [entry, self.messages, dict(self.parameters), self.repeat]
        encoded = msgspec.json.encode(whole, order="sorted")
        return hashlib.sha256(encoded).hexdigest()[:24]

    def tokens(self) -> int:
        """Return the tokens of the prompt, about."""
        texts = [str(message.get("content", "")) for message in self.messages]
        if self.expert.system_prompt:
            texts.append(self.expert.system_prompt)
        return sum(MESSAGE_TOKENS + text_tokens(self.expert.model, text) for text in texts)

    def cost(self, written: int) -> int:
        """Return about what it costs if so many tokens are written, in billionths of a US dollar."""
        return cost_in_nanos(Usage(self.tokens(), written), self.expert.price)

    def most(self, written: int) -> int:
        """Return what asking once costs at the most, in billionths of a US dollar.

        Whatever the expert's tokenizer makes of the prompt, a token is a byte at the least. The prompt
        may be billed as written to a cache, and all that is written as reasoning.

        Args:
            written: Tokens that the answer has at the most.
        """
        texts = [str(message.get("content", "")) for message in self.messages]
        texts.append(self.expert.system_prompt or "")
        read = sum(len(text.encode(errors="replace")) + _MOST_PER_MESSAGE for text in texts)
        return max(
            cost_in_nanos(
                Usage(read, written, cache_write_tokens=cached, reasoning_tokens=reasoning),
                self.expert.price,
            )
            for cached in (0, read)
            for reasoning in (0, written)
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question.

    Args:
        text: The answer.
        error: Why there is none.
        read: Tokens.
        written: Tokens.
        nanos: Billionths of a US dollar, also where there is no answer.
        seconds: It took.
        cut: Whether it was cut off because it was as long as it may be.
    """

    text: str = ""
    error: str = ""
    read: int = 0
    written: int = 0
    nanos: int = 0
    seconds: float = 0.0
    cut: bool = False


class Asker(Protocol):
    """Asks experts."""

    async def ask(self, question: Question, again: Again) -> Reply:
        """Return the answer, or why there is none; raises only where it is cancelled.

        Args:
            question: What is asked.
            again: Is asked before an expert that failed is asked once more.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalAsker:
    """Asks from here, as the service would, and nobody else in an expert's place.

    Args:
        caller: Calls experts.
        timeout: Seconds for one answer.
    """

    caller: ExpertCaller
    timeout: float = 120.0

    async def ask(self, question: Question, again: Again) -> Reply:
        """Return the answer; see :class:`Asker`."""

        async def permit(_: Expert) -> bool:
            return again()

        began = time.monotonic()
        options = CallOptions(self.timeout, self.timeout, f"eval_{question.key}", permit=permit)
        fields = {
            **within(question.expert, question.parameters),
            "messages": list(question.messages),
        }
        text, error, cut = "", "", False
        try:
            answer = await self.caller.complete(question.expert, fields, options)
            text, cut = content_of(answer.body)
        except ExpertError as problem:
            error = (str(problem) or type(problem).__name__)[:_LONGEST_ERROR]
        charges = await charges_of(options.attempts, Asked(question.messages), text)
        charge = total(each for _, each in charges)
        return Reply(
            text=text,
            error=error,
            read=charge.usage.prompt_tokens,
            written=charge.usage.completion_tokens,
            nanos=charge.nanos,
            seconds=round(time.monotonic() - began, 6),
            cut=cut,
        )


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Body(msgspec.Struct):
    choices: list[_Choice]


def content_of(body: bytes) -> tuple[str, bool]:
    """Return the text of an answer in OpenAI's format, and whether it was cut off.

    Raises:
        ExpertAnswerInvalid: If it has none that can be read.
    """
    try:
        first = msgspec.json.decode(body, type=_Body).choices[0]
    except (msgspec.DecodeError, IndexError) as error:
        raise ExpertAnswerInvalid("answered without a message") from error
    return first.message.content or "", first.finish_reason == CUT_OFF
