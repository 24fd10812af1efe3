"""Entries of the audit log as they are shown."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from orchestrator.audit.chain import Event, Linked
from orchestrator.audit.targets import target_of


class EntryView(BaseModel):
    """One entry, with what its hash is made of."""

    number: int = Field(description="Its place in the chain, from 1, without gaps.")
    at: datetime
    event: Event
    actor: str = Field(description="Id of the key or person.")
    actor_name: str
    address: str
    request_id: str
    action: str
    status: int | None
    detail: str = Field(description="Further facts, as JSON text: the hash covers it as it is.")
    previous: str = Field(description="Hash of the entry before.")
    hash: str
    target: str = Field(description="What it is about, such as `keys/key_1`; from what is hashed.")
    tenant: str = Field(description="Of who acted, where that is known; from what is hashed.")

    @classmethod
    def of(cls, link: Linked) -> Self:
        """Return the view of an entry."""
        return cls(**_fields(link, detail_of(link)))


class EntryDetail(EntryView):
    """One entry, with its facts apart."""

    body: Any = Field(description="What was sent, without secrets and shortened; null: nothing.")
    changed: bool = Field(description="Whether it is on record what is different since.")
    before: Any = Field(description="What differs, as it was; null: there was no such thing.")
    after: Any = Field(description="What differs, as it is; null: the thing is gone.")
    asked: int | None = Field(description="Number of the entry written before it was done.")
    ended: int | None = Field(description="Number of the entry that says how it ended.")

    @classmethod
    def with_end(cls, link: Linked, ended: int | None) -> Self:
        """Return the view of an entry.

        Args:
            link: The entry.
            ended: For one that was written before something was done: the one written after.
        """
        facts = detail_of(link)
        asked = facts.get("asked")
        return cls(
            **_fields(link, facts),
            body=facts.get("body"),
            changed="before" in facts,
            before=facts.get("before"),
            after=facts.get("after"),
            asked=asked if isinstance(asked, int) else None,
            ended=ended,
        )


class Head(BaseModel):
    """The last entry. Kept elsewhere, it shows whether the chain was made anew since."""

    number: int
    hash: str


def detail_of(link: Linked) -> dict[str, Any]:
    """Return the facts of an entry; nothing where somebody put something else there."""
    try:
        facts = json.loads(link.entry.detail)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _fields(link: Linked, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        **asdict(link.entry),
        "previous": link.previous,
        "hash": link.hash,
        "target": target_of(link.entry.action, facts),
        "tenant": str(facts.get("tenant", "")),
    }
