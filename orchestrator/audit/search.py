"""Which entries of the audit log are meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orchestrator.audit.chain import Event
from orchestrator.audit.tables import audit_log
from orchestrator.tenants.tables import api_keys

_entry = audit_log.c
_TEXTS = (
    _entry.actor,
    _entry.actor_name,
    _entry.address,
    _entry.request_id,
    _entry.action,
    _entry.detail,
)


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries; ``None``: whatever they have there.

    Args:
        actor: Of this key or person.
        action: Whose action holds this text.
        target: About this thing, or what is below it: ``keys/key_1``, ``tenants/acme``.
        tenant: By a key or person of this tenant, or about it.
        event: Of this kind.
        since: From this moment on.
        until: Before this moment.
        text: That hold this text anywhere, in capitals or not.
    """

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    tenant: str | None = None
    event: Event | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """Yield what rows must fulfil."""
        if self.actor is not None:
            yield _entry.actor == self.actor
        if self.action is not None:
            yield _entry.action.contains(self.action, autoescape=True)
        if self.target is not None:
            yield _about(self.target)
        if self.tenant is not None:
            yield _of_tenant(self.tenant)
        if self.event is not None:
            yield _entry.event == self.event
        if self.since is not None:
            yield _entry.at >= self.since
        if self.until is not None:
            yield _entry.at < self.until
        if self.text:
            yield sa.or_(*(column.icontains(self.text, autoescape=True) for column in _TEXTS))


def _about(target: str) -> sa.ColumnElement[bool]:
    path = target.strip("/")
    named = [
        condition
        for root in (" /admin/api/", " /v1/")
        for condition in (
            _entry.action.endswith(f"{root}{path}", autoescape=True),
            _entry.action.contains(f"{root}{path}/", autoescape=True),
        )
    ]
    # Details are JSON of which names are sorted and parts written with one space.
    return sa.or_(*named, _entry.detail.contains(f'"target": "{path}"', autoescape=True))


def _of_tenant(tenant: str) -> sa.ColumnElement[bool]:
    keys = sa.select(api_keys.c.id).where(api_keys.c.tenant == tenant)
    return sa.or_(
        _entry.detail.contains(f'"tenant": "{tenant}"', autoescape=True),
        _entry.actor.in_(keys),
        _entry.action.endswith(f"/tenants/{tenant}", autoescape=True),
        _entry.action.contains(f"/tenants/{tenant}/", autoescape=True),
    )
