"""What becomes of an answer before its account is closed: guardrails judge it, a dialect tells it.

Both come before, so that the record says what the caller was told: an answer that is blocked, or that
cannot be told, is not on record as one that was given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from experts.providers.wire import UNREADABLE
from orchestrator.guardrails.service import BLOCKED, Guardrails
from orchestrator.guardrails.streams import Whole
from orchestrator.guardrails.values import Event, Messages, Note
from orchestrator.kit.errors import ApiError
from orchestrator.usage.record import Status

MAX_HELD_BYTES = 64 * 1024 * 1024

Tell = Callable[[bytes], bytes]
"""Tells a whole chat completion in another protocol.

Raises:
    ExpertAnswerInvalid: If that cannot be done.
"""


def as_it_is(body: bytes) -> bytes:
    """Tell a chat completion as one."""
    return body


@dataclass(slots=True)
class Review:
    """What guardrails say of one request.

    Args:
        guardrails: Judge its answer.
        event: The request, as they have judged it.
        notes: What they have done so far; added to, and read when the account is closed.
        changed: Whether the answer is another than the one that was made: what it was made of is not
            to be told either.
    """

    guardrails: Guardrails
    event: Event
    notes: list[Note] = field(default_factory=list)
    changed: bool = False

    @property
    def holds_streams(self) -> bool:
        """Whether nothing of a stream is sent before all of it is judged."""
        return bool(self.guardrails.answers) and self.guardrails.streams == "hold"

    @property
    def flags(self) -> tuple[str, ...]:
        """What was noticed, each once."""
        noticed = [flag for note in self.notes for flag in note.flags]
        return tuple(dict.fromkeys(noticed))

    @property
    def noted(self) -> list[dict[str, Any]] | None:
        """What they have done, as a usage record has it; ``None``: nothing to speak of."""
        return msgspec.to_builtins(self.notes) or None

    async def whole(self, body: bytes) -> bytes:
        """Return an answer as it may be given.

        Raises:
            ApiError: 403 if a guardrail blocks it, 503 if it cannot be judged.
        """
        if not self.guardrails.answers:
            return body
        fields, messages = _decoded(body)
        passed = await self._check(messages)
        if passed is None:
            return body
        for choice, message in zip(fields["choices"], passed, strict=True):
            choice["message"] = message
        return msgspec.json.encode(fields)

    async def stream(self, blocks: list[bytes]) -> list[bytes]:
        """Return the blocks of a stream, all of them, as they may be given.

        Raises:
            ApiError: 403 if a guardrail blocks it, 503 if it cannot be judged.
        """
        whole = Whole(blocks)
        if not whole.messages:
            return blocks
        passed = await self._check(whole.messages)
        return blocks if passed is None else whole.told_as(passed)

    async def _check(self, messages: Messages) -> Messages | None:
        """Return the messages to go on with, if they are others."""
        event = replace(self.event, stage="answer", messages=messages)
        passed = await self.guardrails.check(event, self.notes)
        self.changed = self.changed or passed.changed
        return passed.messages if passed.changed else None


def status_of(error: ApiError) -> Status:
    """Return how a request ended whose answer was kept back."""
    return "blocked" if error.code == BLOCKED else "failed"


def too_large() -> ApiError:
    """Return what is said of a stream too large to be held back."""
    return _unjudged(f"The answer is larger than {MAX_HELD_BYTES} bytes, too large to be checked.")


def _decoded(body: bytes) -> tuple[dict[str, Any], Messages]:
    """Return an answer and the message of each of its choices.

    Raises:
        ApiError: 503 if there is no such thing: the expert answered so oddly that nobody can judge.
    """
    try:
        fields = msgspec.json.decode(body)
        return fields, msgspec.convert([c["message"] for c in fields["choices"]], Messages)
    except (*UNREADABLE, msgspec.ValidationError, TypeError, KeyError) as error:
        raise _unjudged("The answer could not be checked: a choice has no message.") from error


def _unjudged(message: str) -> ApiError:
    return ApiError(503, "guardrail_unavailable", message)
