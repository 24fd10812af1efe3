"""The events of a run: how they are named, ordered and written, and how stored steps tell them again.

What is stored has a whole number, in order. A piece of text that streams by is not stored: it is named
after the last stored event before it and its place behind that, ``7-3``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from orchestrator.conductor.events import AnswerDelta, StepDelta

STEP_WAITING, STEP_STARTED, STEP_FINISHED = "step.waiting", "step.started", "step.finished"
RUN_FINISHED = "run.finished"
_ID = re.compile(r"([0-9]{1,10})(?:-([0-9]{1,10}))?")


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """Where an event stands in its run.

    Args:
        number: Of the stored event that it is, or follows.
        piece: 0 for a stored event, else its place behind that.
    """

    number: int = 0
    piece: int = 0

    def __str__(self) -> str:
        return f"{self.number}-{self.piece}"

    def next_piece(self) -> EventId:
        """Return the id of a piece that comes after this."""
        return EventId(self.number, self.piece + 1)


def parse_id(text: str) -> EventId | None:
    """Return the id that a text names, ``None`` where it names none."""
    found = _ID.fullmatch(text.strip())
    return EventId(int(found[1]), int(found[2] or 0)) if found else None


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One event.

    Args:
        id: Where it stands.
        type: As clients know it.
        data: What it says, as JSON; ``id`` and ``type`` are in it too.
    """

    id: EventId
    type: str
    data: bytes

    def frame(self) -> bytes:
        """Return it as a server-sent event."""
        return b"id: %s\nevent: %s\ndata: %s\n\n" % (
            str(self.id).encode(),
            self.type.encode(),
            self.data,
        )


def event(identifier: EventId, kind: str, **said: Any) -> RunEvent:
    """Make an event."""
    body = {"id": str(identifier), "type": kind, **said}
    return RunEvent(identifier, kind, msgspec.json.encode(body))


def piece(identifier: EventId, delta: StepDelta | AnswerDelta) -> RunEvent:
    """Make the event of a piece of text."""
    text = delta.text.encode(errors="replace").decode()
    if isinstance(delta, StepDelta):
        return event(identifier, delta.type, key=delta.key, text=text)
    return event(identifier, delta.type, text=text)


def step_events(rows: Iterable[Any], after: EventId) -> list[RunEvent]:
    """Return what stored steps have to tell after an event, in order.

    Args:
        rows: Rows of the table of steps.
        after: The last event that is known.
    """
    told: list[RunEvent] = []
    for row in rows:
        shown = shown_step(row)
        begun, ended = row["begun"], row["ended"]
        if begun is not None and begun > after.number:
            kind = STEP_WAITING if row["status"] == "waiting" else STEP_STARTED
            status = "waiting" if kind == STEP_WAITING else "running"
            before = {**shown, **_NOT_YET, "status": status}
            told.append(event(EventId(begun), kind, step=before))
        if ended is not None and ended > after.number:
            told.append(event(EventId(ended), STEP_FINISHED, step=shown))
    return sorted(told, key=lambda each: each.id)


_NOT_YET: dict[str, Any] = {
    "output": "",
    "tool_calls": [],
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "usd": 0.0,
    "seconds": 0.0,
    "reused_from": "",
}
_SHOWN = (
    "key",
    "number",
    "kind",
    "title",
    "status",
    "expert",
    "input",
    "output",
    "tool_calls",
    "prompt_tokens",
    "completion_tokens",
    "usd",
    "started_at",
    "seconds",
    "reused_from",
)


def shown_step(row: Any) -> dict[str, Any]:
    """Return a step's row as it is shown."""
    return {name: row[name] for name in _SHOWN}
