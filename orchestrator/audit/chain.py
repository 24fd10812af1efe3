"""The chain: each entry's hash covers the entry and the hash before it. Pure.

Changing, removing or inserting an entry breaks every hash after it (Haber and Stornetta, How to
Time-Stamp a Digital Document, 1991). Whoever can rewrite the whole table can make a new chain; a
head that was written down elsewhere gives that away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Event = Literal["asked", "done", "refused", "failed", "noted"]
"""``asked``: about to be done; then one of ``done``, ``refused`` (4xx), ``failed`` (5xx).
``noted``: happened without a request."""

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened.

    Args:
        number: Its place, from 1, without gaps.
        at: When it was written.
        event: See :data:`Event`.
        actor: Id of the key or person, or a name of ours.
        actor_name: For people.
        address: Where the request came from, where it is known.
        request_id: Of the request.
        action: Method and path, or what happened.
        status: HTTP status of the answer.
        detail: Further facts, as JSON text; never a secret.
    """

    number: int
    at: datetime
    event: Event
    actor: str
    actor_name: str
    address: str
    request_id: str
    action: str
    status: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Linked:
    """An entry in its chain; hashes are SHA-256 in hexadecimal."""

    entry: Entry
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a chain does not hold, and why."""

    number: int
    reason: str


def linked(entry: Entry, previous: str) -> Linked:
    """Return an entry with its hash, to follow the hash ``previous``."""
    return Linked(entry, previous, _hash(entry, previous))


def first_break(
    chain: Iterable[Linked], *, after: int = 0, previous: str = GENESIS
) -> Broken | None:
    """Return where a chain breaks first, or ``None`` if it holds.

    Args:
        chain: Entries in order.
        after: Number of the entry before the first.
        previous: Hash of the entry before the first.
    """
    for link in chain:
        number = link.entry.number
        if number != after + 1:
            return Broken(number, f"entry {after + 1} is missing")
        if link.previous != previous:
            return Broken(number, f"it does not follow entry {after}")
        if link.hash != _hash(link.entry, previous):
            return Broken(number, "it is not what was written")
        after, previous = number, link.hash
    return None


def _hash(entry: Entry, previous: str) -> str:
    at = entry.at.astimezone(UTC).isoformat(timespec="microseconds")
    fields = (
        previous,
        entry.number,
        at,
        entry.event,
        entry.actor,
        entry.actor_name,
        entry.address,
        entry.request_id,
        entry.action,
        entry.status,
        entry.detail,
    )
    text = json.dumps(fields, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
