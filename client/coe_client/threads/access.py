"""The groups of operations on keys, tenants and the audit log, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Generator, Sequence
from datetime import datetime
from enum import Enum
from typing import Unpack

from coe_client.operations import access as operations
from coe_client.paging import Pages
from coe_client.threads.group import Group
from coe_client.types import (
    AuditDetail,
    AuditEntry,
    AuditFilter,
    AuditHead,
    CreatedKey,
    KeyRecord,
    TenantRecord,
)

DAY = 86_400.0


class Unsaid(Enum):
    """What is not said stays as it is; ``None`` says something."""

    UNSAID = "unsaid"


UNSAID = Unsaid.UNSAID


class Keys(Group):
    """``client.keys``: API keys. Needs the role admin."""

    def list(
        self,
        *,
        q: str | None = None,
        role: str | None = None,
        tenant: str | None = None,
        state: str | None = None,
        expiring_days: int | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> Pages[KeyRecord]:
        """List keys, revoked ones included.

        Args:
            q: Only those with this text in name, id, beginning or tenant.
            role: Only those of this role.
            tenant: Only those of this tenant.
            state: Only ``active``, ``expired``, ``revoked`` or ``suspended`` ones.
            expiring_days: Only active ones that expire within so many days.
            sort: ``created`` (the default), ``name``, ``last_used`` or ``expires``; with ``-`` before it, the
                largest come first.
            page_size: Keys fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_keys(
                after,
                page_size,
                q=q,
                role=role,
                tenant=tenant,
                state=state,
                expiring_days=expiring_days,
                sort=sort,
            )
        )

    def get(self, key_id: str) -> KeyRecord:
        """Get a key's record, without the key itself."""
        return self._send(operations.get_key(key_id))

    def create(
        self,
        name: str,
        *,
        role: str = "user",
        tenant: str = "default",
        expires_at: datetime | None = None,
        experts: Sequence[str] | None = None,
        policies: Sequence[str] | None = None,
    ) -> CreatedKey:
        """Make a key. It is shown in the result, and never again.

        Args:
            name: For people.
            role: ``user``, ``viewer``, ``editor`` or ``admin``.
            tenant: Whose requests it makes.
            expires_at: With a time zone; ``None``: never.
            experts: Ids of the experts that may answer; ``None``: all.
            policies: Policies that may be asked for; ``None``: all.
        """
        request = operations.create_key(
            name,
            role=role,
            tenant=tenant,
            expires_at=expires_at,
            experts=experts,
            policies=policies,
        )
        return self._send(request)

    def allow(self, key_id: str, experts: Sequence[str] | None) -> KeyRecord:
        """Choose the experts that may answer a key, from now on; ``None``: all."""
        return self._send(operations.change_key(key_id, experts=experts))

    def allow_policies(self, key_id: str, policies: Sequence[str] | None) -> KeyRecord:
        """Choose the policies a key may ask for, from now on; ``None``: all."""
        return self._send(operations.change_key(key_id, policies=policies))

    def rotate(self, key_id: str, *, overlap_seconds: float = DAY) -> CreatedKey:
        """Give a key a new secret, shown in the result; the one before works on for a while."""
        return self._send(operations.rotate_key(key_id, overlap_seconds))

    def revoke(self, key_id: str) -> None:
        """Make a key useless at once."""
        self._send(operations.revoke_key(key_id))


class Tenants(Group):
    """``client.tenants``: whose keys and records are kept apart. Needs viewer; admin to change."""

    def list(
        self,
        *,
        q: str | None = None,
        suspended: bool | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> Pages[TenantRecord]:
        """List tenants.

        Args:
            q: Only those with this text in id or name.
            suspended: Only those that are, or are not.
            sort: ``id`` (the default), ``name``, ``created`` or ``last_used``; with ``-`` before it, the largest
                come first.
            page_size: Tenants fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_tenants(
                after, page_size, q=q, suspended=suspended, sort=sort
            )
        )

    def get(self, tenant: str) -> TenantRecord:
        """Get a tenant."""
        return self._send(operations.get_tenant(tenant))

    def put(
        self,
        tenant: str,
        *,
        name: str | Unsaid = UNSAID,
        experts: Sequence[str] | Unsaid | None = UNSAID,
        policies: Sequence[str] | Unsaid | None = UNSAID,
        suspended: bool | Unsaid = UNSAID,
    ) -> TenantRecord:
        """Make a tenant, or change what is given of one.

        Args:
            tenant: Its id.
            name: For people.
            experts: Ids of the experts that may answer it; ``None``: all.
            policies: Policies that it may ask for; ``None``: all.
            suspended: Whether none of its keys works.
        """
        said = {"name": name, "experts": experts, "policies": policies, "suspended": suspended}
        changes = {field: value for field, value in said.items() if value is not UNSAID}
        return self._send(operations.put_tenant(tenant, **changes))


class Audit(Group):
    """``client.audit``: who changed what. Needs the role admin."""

    def list(
        self,
        *,
        order: str = "newest",
        page_size: int | None = None,
        **only: Unpack[AuditFilter],
    ) -> Pages[AuditEntry]:
        """List entries.

        Args:
            order: ``newest`` or ``oldest`` first.
            page_size: Entries fetched at a time.
            only: Which: ``actor``, ``action``, ``target``, ``tenant``, ``event``, ``since``, ``until``, ``q``.
        """
        return self._pages(
            lambda after: operations.list_audit(after, page_size, order=order, **only),
        )

    def get(self, number: int) -> AuditDetail:
        """Get an entry with what was sent, and what it was like before and after."""
        return self._send(operations.get_audit_entry(number))

    def export(self, form: str = "csv", **only: Unpack[AuditFilter]) -> Generator[bytes]:
        """Yield entries, the oldest first, as the pieces of a file.

        Args:
            form: ``csv`` or ``jsonl``.
            only: Which, as in :meth:`list`.
        """
        return self._pieces(operations.export_audit(form, **only))

    def head(self) -> AuditHead:
        """Get the last entry's number and hash."""
        return self._send(operations.get_audit_head())
