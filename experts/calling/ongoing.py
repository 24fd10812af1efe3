"""One attempt while it is under way: how it ends is noted once, wherever that has to be known."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from experts import tracing
from experts.calling.attempts import Attempt, Outcome
from experts.calling.balancing import Replica
from experts.calling.health import ExpertHealth
from experts.calling.options import CallRules
from experts.calling.verdict import blames, is_provoked
from experts.errors import (
    ExpertError,
    ExpertFailed,
    ExpertOverloaded,
    ExpertTimedOut,
    RequestRefused,
)
from experts.providers.protocol import Usage


class Ongoing:
    """An attempt that has begun. As a context manager it notes what is raised within.

    Args:
        attempt: The value that is filled in.
        replica: Who is called.
        health: Is told how it ends.
        rules: How long an endpoint may be told to rest.
        origin: Whose call it is.
        fair: Whether it was given time enough to be to blame for being late.
    """

    __slots__ = (
        "_began",
        "_health",
        "_origin",
        "_replica",
        "_rules",
        "_slow",
        "_span",
        "attempt",
        "ended",
        "fair",
        "late",
    )

    def __init__(
        self,
        attempt: Attempt,
        replica: Replica,
        health: ExpertHealth,
        rules: CallRules,
        *,
        origin: str | None,
        fair: bool,
    ) -> None:
        self.attempt = attempt
        self.fair = fair
        self.late = False
        """Whether it has had the time that it has alone, and somebody else was asked beside it."""
        self._replica = replica
        self._health = health
        self._rules = rules
        self._origin = origin
        self.ended = False
        """Whether it is noted how it has ended."""
        self._slow = False
        self._began = health.began(replica)
        self._span = None if tracing.active is None else _span_of(tracing.active, attempt)

    @property
    def trace_headers(self) -> dict[str, str]:
        """What carries the trace to whoever is called; empty where there is none."""
        return {} if self._span is None else self._span.headers()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Note a failure; turn what is not one of ours into one.

        Raises:
            ExpertFailed: For anything unforeseen, with the original as its cause.
        """
        if error is None:
            return
        if isinstance(error, ExpertError):
            self.failed(error)
        elif isinstance(error, Exception):
            ours = unforeseen(error, self._replica.expert)
            self.failed(ours)
            raise ours from error
        else:
            self.left()

    def begun(self) -> None:
        """Note that the first real piece of a stream is here."""
        seconds = self._health.clock() - self._began
        self.late = False
        self._slow = seconds >= self._health.settings.slow_seconds
        if self._rules.hedge:
            self._replica.durations.note(seconds)

    def succeeded(self, usage: Usage | None) -> None:
        """Note the end of an answer."""
        self.attempt.usage = usage
        if self._end("ok"):
            self._health.succeeded(self._replica, self._began, self._origin, slow=self._slow)

    def failed(self, error: ExpertError) -> None:
        """Note a failure, and whose it is."""
        refused = isinstance(error, RequestRefused)
        if not self._end("refused" if refused else "failed", error.code):
            return
        error.expert = error.expert or self._replica.expert
        self.attempt.unseen = error.produced
        if isinstance(error, ExpertOverloaded) and error.retry_after:
            self._health.rest(self._replica, min(error.retry_after, self._rules.rest))
        ours = isinstance(error, ExpertTimedOut) and error.upstream_status is None
        if not blames(error) or (ours and not self.fair):
            self._health.left(self._replica, self._began)
            return
        origin = self._origin if is_provoked(error) else None
        self._health.failed(self._replica, self._began, error.code, origin)

    def left(self) -> None:
        """Note that nobody waits for it any more; one that was late has failed by that."""
        if self.late:
            message = f"expert '{self._replica.expert}' did not answer in its time"
            self.failed(ExpertTimedOut(message, expert=self._replica.expert))
        elif self._end("cancelled"):
            self._health.left(self._replica, self._began)

    def _end(self, outcome: Outcome, error: str | None = None) -> bool:
        if self.ended:
            return False
        self.ended = True
        self.attempt.outcome, self.attempt.error = outcome, error
        self.attempt.seconds = self._health.clock() - self._began
        if self._span is not None:
            _note_end(self._span, self.attempt)
        return True


def _span_of(tracer: tracing.Tracer, attempt: Attempt) -> tracing.Span:
    expert = attempt.expert
    name = "embeddings" if expert.embeds else "chat"
    span = tracer.begin(f"{name} {expert.model or expert.id}", calls=True)
    span.set(
        gen_ai__operation__name=name,
        gen_ai__provider__name=expert.provider,
        gen_ai__request__model=expert.model or expert.id,
        coe__expert__id=expert.id,
    )
    return span


def _note_end(span: tracing.Span, attempt: Attempt) -> None:
    usage = attempt.usage
    if usage is not None:
        span.set(
            gen_ai__usage__input_tokens=usage.prompt_tokens,
            gen_ai__usage__output_tokens=usage.completion_tokens,
        )
    span.set(coe__outcome=attempt.outcome)
    span.end(attempt.error)


def unforeseen(error: Exception, expert: str) -> ExpertFailed:
    """Return the error for what no provider should have raised."""
    message = f"expert '{expert}' failed unexpectedly ({type(error).__name__})"
    return ExpertFailed(message, expert=expert)
