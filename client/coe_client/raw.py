"""The whole answer behind a typed result: status, headers, bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from coe_client.requests import Answer

R = TypeVar("R")
_noted: ContextVar[list[Answer] | None] = ContextVar("coe_client_answers", default=None)


@dataclass(frozen=True, slots=True)
class RawResponse(Generic[R]):
    """An answer as it came, and what was made of it.

    Args:
        answer: The last one that it took.
        result: What the method returned.
    """

    answer: Answer
    result: R

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.answer.status

    @property
    def headers(self) -> dict[str, str]:
        """By lower-case name."""
        return dict(self.answer.headers)

    @property
    def content(self) -> bytes:
        """The body; empty where it is a stream, which is the result."""
        return self.answer.body

    @property
    def request_id(self) -> str | None:
        """The service's id of the request."""
        return self.answer.request_id

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: It is none.
        """
        return json.loads(self.answer.body)

    def parse(self) -> R:
        """Return what the method returned, as the `openai` package calls it."""
        return self.result


@contextmanager
def noting() -> Iterator[list[Answer]]:
    """Collect the answers that come in this thread or task while the context is open."""
    answers: list[Answer] = []
    token = _noted.set(answers)
    try:
        yield answers
    finally:
        _noted.reset(token)


def note(answer: Answer) -> None:
    """Note an answer, where somebody wants to see it."""
    answers = _noted.get()
    if answers is not None:
        answers.append(answer)


def raw_of(answers: list[Answer], result: R) -> RawResponse[R]:
    """Return a result with the answer behind it.

    Raises:
        TypeError: There was no answer: the method sends nothing by itself, such as one that returns a list.
    """
    if not answers:
        raise TypeError("this method sends nothing by itself")
    return RawResponse(answers[-1], result)
