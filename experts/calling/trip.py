"""One request on its way to an answer, and the two kinds of answer there are."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from experts.calling.alarm import Alarm
from experts.calling.attempts import Attempt
from experts.calling.course import Course, Place
from experts.calling.ongoing import Ongoing
from experts.calling.options import CallOptions
from experts.calling.stream import ExpertStream
from experts.catalogue.expert import Expert
from experts.providers.protocol import ExpertAnswer

T = TypeVar("T", "Answer", ExpertStream)


@dataclass(frozen=True, slots=True)
class Answer(ExpertAnswer):
    """A whole answer, and who gave it.

    Args:
        expert: The entry of the expert.
        attempt: The call that it came of.
        attempts: Everything that was tried for it.
    """

    expert: Expert
    attempt: Attempt
    attempts: Sequence[Attempt] = ()

    async def discard(self) -> None:
        """Note that nobody sees it, since another was quicker."""
        self.attempt.outcome = "cancelled"


@dataclass(frozen=True, slots=True)
class Trip:
    """One request on its way to an answer.

    Args:
        course: Who has been asked, and who is next.
        fields: The caller's request by field; values are plain or ``msgspec.Raw``.
        options: Deadlines and names.
        began: When, in seconds of the health's clock.
    """

    course: Course
    fields: Mapping[str, Any]
    options: CallOptions
    began: float

    @property
    def whole_by(self) -> float:
        """When the whole answer must be there."""
        return self.began + self.options.timeout

    @property
    def first_by(self) -> float:
        """When a stream must have begun."""
        return self.began + min(self.options.first_token_timeout, self.options.timeout)


class Kind(NamedTuple, Generic[T]):
    """One of the two kinds of answer: whole, or a stream.

    Args:
        ask: Asks at one place; is given how many seconds are left, and what keeps to them.
        dispose: Closes an answer that nobody wants.
        by: When it has to be there.
        fair: Seconds that an endpoint must have been given to be to blame for being late.
        awaited: What is waited for, in words.
        idle: Seconds that nothing may come once it has begun.
    """

    ask: Callable[[Trip, Place, Ongoing, float, Alarm], Coroutine[Any, Any, T]]
    dispose: Callable[[T], Coroutine[Any, Any, None]]
    by: float
    fair: float
    awaited: str
    idle: float = math.inf
