"""The fault suite's table: what a caller sees of each fault, and what is recorded of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FIRST_TOKEN_SECONDS = 2.5
WHOLE_SECONDS = 4.0
IDLE_SECONDS = 2.0
Kind = Literal["whole", "streamed"]
KINDS: tuple[Kind, ...] = ("whole", "streamed")


@dataclass(frozen=True)
class End:
    """How a request to an expert that has no substitute ends.

    Args:
        status: The HTTP status, or the one its error would have had.
        code: The error's code; ``None`` for an answer.
        event: Whether the error comes as an event, after the beginning of the answer.
        moves: Which ways lead on: to another expert (``first``), another endpoint (``spread``).
    """

    status: int = 200
    code: str | None = None
    event: bool = False
    moves: tuple[str, ...] = ("first", "spread")


@dataclass(frozen=True)
class Case:
    """One fault.

    Args:
        name: Of the behaviour, or of the door at which connections fail.
        whole: How a request for a whole answer ends.
        streamed: How a request for a stream ends.
        counted: Whether the expert's own counts are right and believed.
        blames: Whether it speaks against the endpoint's health.
    """

    name: str
    whole: End
    streamed: End
    counted: bool = True
    blames: bool = True

    def __str__(self) -> str:
        return self.name

    def end(self, kind: Kind) -> End:
        """Return how a request of a kind ends."""
        return self.whole if kind == "whole" else self.streamed


OK = End()
UNREACHABLE = End(502, "expert_unreachable")
INVALID = End(502, "expert_answer_invalid")
INVALID_EVENT = End(502, "expert_answer_invalid", event=True)
FAILED = End(502, "expert_failed")
OVERLOADED = End(502, "expert_overloaded")
MISCONFIGURED = End(502, "expert_misconfigured")
LATE = End(504, "expert_timeout")
LATE_EVENT = End(504, "expert_timeout", event=True)
TOO_LONG = End(400, "context_length_exceeded", moves=("first",))
REFUSED = End(400, "expert_refused_request", moves=())


def _both(name: str, end: End, *, counted: bool = True, blames: bool | None = None) -> Case:
    return Case(name, end, end, counted, end is not OK if blames is None else blames)


CASES = (
    _both("refused", UNREACHABLE),
    _both("no-accept", LATE),
    _both("close-on-accept", UNREACHABLE),
    _both("reset-on-accept", UNREACHABLE),
    _both("close-unanswered", UNREACHABLE),
    _both("reset-unanswered", UNREACHABLE),
    _both("reset-after-head", INVALID),
    Case("reset-midway", INVALID, INVALID_EVENT),
    Case("close-midway", INVALID, INVALID_EVENT),
    Case("half-event", INVALID, INVALID_EVENT),
    _both("role-only", INVALID),
    _both("not-http", INVALID),
    _both("huge-headers", INVALID),
    _both("bad-chunks", INVALID),
    _both("continue-100", OK),
    _both("redirect", MISCONFIGURED),
    _both("gzip-bomb", INVALID),
    _both("html", INVALID),
    _both("empty-body", INVALID),
    _both("other-kind", INVALID),
    _both("429-seconds", OK),
    _both("429-date", OVERLOADED),
    _both("429-bare", OVERLOADED),
    _both("500-once", OK),
    _both("500-storm", FAILED),
    _both("503", OVERLOADED),
    _both("504", LATE),
    _both("401", MISCONFIGURED),
    _both("402", MISCONFIGURED),
    _both("404-model", MISCONFIGURED),
    _both("400-refused", REFUSED, blames=False),
    _both("400-context", TOO_LONG, blames=False),
    _both("hang-head", LATE),
    _both("hang-first", LATE),
    Case("hang-midway", LATE, LATE_EVENT),
    Case("trickle", LATE, LATE_EVENT),
    _both("pings-only", LATE),
    _both("no-choices", INVALID),
    _both("not-json", INVALID),
    _both("bad-utf8", INVALID),
    Case("bad-utf8-midway", INVALID, INVALID_EVENT),
    _both("deep-json", INVALID),
    _both("error-first", FAILED),
    Case("error-midway", FAILED, INVALID_EVENT),
    _both("done-only", INVALID),
    _both("no-done", OK),
    _both("two-dones", OK),
    _both("two-finishes", OK),
    _both("usage-absent", OK, counted=False),
    _both("usage-negative", OK, counted=False),
    _both("usage-words", OK, counted=False),
    _both("usage-huge", OK, counted=False),
)
DOORS = frozenset({"refused", "no-accept", "close-on-accept", "reset-on-accept"})
SLOW = frozenset({"no-accept", "hang-head", "hang-first", "hang-midway", "trickle", "pings-only"})
"""Those that take as long as the deadlines let them, and nothing but time."""
HEAVY = frozenset({"gzip-bomb"})
"""Those that take the processor: asked when the others are done, one at a time."""
