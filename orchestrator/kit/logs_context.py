"""What is being worked on at the moment, for log lines: which request or run, whose, and where its time goes.

A :class:`~contextvars.ContextVar` carries it, so tasks and threads that a request starts know it, too. What it
costs a request is one step in and one out; log lines that are not written cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

from experts import tracing

_IDS = ("request_id", "run_id", "tenant")
_BEGAN = "began"
_STAGES = "stages"
_PARTS_OF_TRACEPARENT = 4

_work: ContextVar[MutableMapping[str, Any] | None] = ContextVar("work", default=None)


def enter(work: MutableMapping[str, Any]) -> Token[MutableMapping[str, Any] | None]:
    """Begin a piece of work; what is known of it may grow while it lasts.

    Args:
        work: What is known: ``request_id``, ``run_id``, ``tenant``. Other entries are not logged, so
            the state of an ASGI request can be taken as it is.

    Returns:
        What :func:`leave` takes.
    """
    work[_BEGAN] = time.perf_counter()
    return _work.set(work)


def leave(token: Token[MutableMapping[str, Any] | None]) -> None:
    """End a piece of work."""
    _work.reset(token)


@contextmanager
def working(**ids: str) -> Iterator[None]:
    """Let what is done inside be known by these ids."""
    token = enter(dict(ids))
    try:
        yield
    finally:
        leave(token)


def note_tenant(tenant: str) -> None:
    """Note whose the work is, once that is known."""
    work = _work.get()
    if work is not None:
        work["tenant"] = tenant


def mark(stage: str) -> None:
    """Note that a stage of the work has ended: the time since the one before is its."""
    work = _work.get()
    if work is not None:
        work.setdefault(_STAGES, []).append((stage, time.perf_counter()))


def stages() -> tuple[float, dict[str, float]] | None:
    """Return how long the work has taken, in seconds, and each stage that has ended; ``None``: it is none."""
    work = _work.get()
    if work is None:
        return None
    began: float = work[_BEGAN]
    before = began
    found: dict[str, float] = {}
    for stage, ended in work.get(_STAGES, ()):
        found[stage] = found.get(stage, 0.0) + ended - before
        before = ended
    return time.perf_counter() - began, found


def ids() -> dict[str, str]:
    """Return what is known of the work, and of the trace it is noted in."""
    work: Mapping[str, Any] = _work.get() or {}
    return {name: work[name] for name in _IDS if name in work} | trace_ids()


def trace_ids() -> dict[str, str]:
    """Return ``trace_id`` and ``span_id`` of the current span, where it is traced and sent.

    They are read from what carries it, as https://www.w3.org/TR/trace-context/#traceparent-header has it.
    """
    if tracing.active is None:
        return {}
    parts = tracing.carrier().get("traceparent", "").split("-")
    sampled = len(parts) == _PARTS_OF_TRACEPARENT and int(parts[3], 16) & 1
    return {"trace_id": parts[1], "span_id": parts[2]} if sampled else {}
