"""Asks the guardrails, one after the other, and says what to go on with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.guardrails.hooks import Hook
from orchestrator.guardrails.values import (
    Event,
    HookFailed,
    Messages,
    Note,
    Verdict,
    read_verdict,
)
from orchestrator.kit.errors import ApiError

BLOCKED = "blocked_by_guardrail"
"""Code of the error that tells of a refusal; it stands there in full, for the list of codes."""

_FAILED = ("guardrail_failed",)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Passed:
    """What the guardrails let through.

    Args:
        messages: To go on with.
        changed: Whether they are others than before.
        flags: What was noticed, each once.
    """

    messages: Messages
    changed: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The guardrails of a service.

    Args:
        requests: Those that see what is asked.
        answers: Those that see what is answered.
        timeout: Seconds that each may take.
        failure: What a guardrail that fails counts as: a refusal (``closed``) or consent (``open``).
        streams: Whether streams are held back until they are checked, or go unchecked (``skip``).
    """

    requests: Sequence[Hook] = ()
    answers: Sequence[Hook] = ()
    timeout: float = 5.0
    failure: Literal["closed", "open"] = "closed"
    streams: Literal["hold", "skip"] = "hold"

    @property
    def any(self) -> bool:
        """Whether there is any."""
        return bool(self.requests or self.answers)

    @property
    def of_requests(self) -> Guardrails:
        """Those that see what is asked, alone."""
        return replace(self, answers=())

    async def check(self, event: Event, notes: list[Note] | None = None) -> Passed:
        """Have an event judged by all guardrails of its stage; each sees what the one before left.

        Args:
            event: What is judged.
            notes: Is added what they do and flag, for the usage record.

        Raises:
            ApiError: 403 if one blocks it, 503 if one fails and that counts as a refusal.
        """
        notes = [] if notes is None else notes
        passed = Passed(event.messages)
        for hook in self.requests if event.stage == "request" else self.answers:
            verdict = await self._verdict(hook, replace(event, messages=passed.messages), notes)
            if verdict.outcome == "block":
                raise _blocked(event, verdict)
            passed = Passed(
                passed.messages if verdict.messages is None else verdict.messages,
                passed.changed or verdict.messages is not None,
                tuple(dict.fromkeys((*passed.flags, *verdict.flags))),
            )
        if passed.flags:
            flags = ", ".join(passed.flags)
            log.info("%s of %s was flagged: %s", event.stage, event.request_id, flags)
        return passed

    async def aclose(self) -> None:
        """Close what the guardrails hold."""
        for hook in (*self.requests, *self.answers):
            await hook.aclose()

    async def _verdict(self, hook: Hook, event: Event, notes: list[Note]) -> Verdict:
        try:
            async with asyncio.timeout(self.timeout):
                reply = await hook.ask(event)
            verdict = read_verdict(reply, event)
        except TimeoutError:
            problem = f"it did not answer in {self.timeout:g} s"
        except HookFailed as error:
            problem = str(error)
        else:
            if verdict.outcome != "allow" or verdict.flags:
                notes.append(Note(hook.name, event.stage, verdict.outcome, verdict.flags))
            return verdict
        log.warning("guardrail %s failed for %s: %s", hook.name, event.request_id, problem)
        if self.failure == "open":
            notes.append(Note(hook.name, event.stage, "failed", _FAILED))
            return Verdict("flag", flags=_FAILED)
        notes.append(Note(hook.name, event.stage, "failed"))
        raise ApiError(
            503,
            "guardrail_unavailable",
            f"The {event.stage} could not be checked, so it goes no further.",
            headers={"retry-after": "1"},
        )


def _blocked(event: Event, verdict: Verdict) -> ApiError:
    reason = verdict.reason or "no reason was given"
    return ApiError(403, "blocked_by_guardrail", f"The {event.stage} was blocked: {reason}")
