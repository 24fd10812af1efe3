"""Traces, where somebody wants them: names of what is noted, and nothing of who notes it.

OFF unless :data:`active` is set, and then all there is is a look at that. Names of attributes are those
of OpenTelemetry's conventions for generative AI,
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/. What is said is never an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Value = str | int | float | bool


class Span(Protocol):
    """Something that takes time."""

    def set(self, **attributes: Value | None) -> None:
        """Say more of it; ``__`` in a name stands for a dot, and ``None`` for nothing."""

    def end(self, error: str | None = None) -> None:
        """Say that it has ended, and with what error, if any."""

    def headers(self) -> dict[str, str]:
        """Return what carries it to another process, as W3C Trace Context has it."""


class Tracer(Protocol):
    """Notes spans."""

    def begin(self, name: str, *, calls: bool = False) -> Span:
        """Return a span within the current one; ``calls``: another process does the work."""

    def within(
        self, name: str, carrier: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Span]:
        """Return a span that is the current one inside; ``carrier`` brings its parent."""

    def current(self) -> dict[str, str]:
        """Return what carries the current span to another process."""


class _Nothing:
    """The span where nobody wants traces."""

    def set(self, **attributes: Value | None) -> None:
        """Do nothing."""

    def end(self, error: str | None = None) -> None:
        """Do nothing."""

    def headers(self) -> dict[str, str]:
        """Return nothing."""
        return {}


NOTHING: Span = _Nothing()
_NOTHING = nullcontext(NOTHING)
active: Tracer | None = None


def span(name: str, carrier: Mapping[str, str] | None = None) -> AbstractContextManager[Span]:
    """Return a span to work within; one that does nothing where traces are off."""
    return _NOTHING if active is None else active.within(name, carrier)


def carrier() -> dict[str, str]:
    """Return what carries the current span to another process; nothing where traces are off."""
    return {} if active is None else active.current()
