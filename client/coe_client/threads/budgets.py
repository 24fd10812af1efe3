"""The group of operations on budgets, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from coe_client.operations import budgets as operations
from coe_client.paging import Pages
from coe_client.threads.group import Group
from coe_client.types import Budget


class Budgets(Group):
    """``client.budgets``: what tenants and keys have spent, and when it will be gone. Needs viewer."""

    def list(
        self,
        *,
        q: str | None = None,
        tenant: str | None = None,
        state: str | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> Pages[Budget]:
        """List who has limits.

        Args:
            q: Only those with this text in a name or an id.
            tenant: Only this tenant and its keys.
            state: Only ``ok``, ``near`` or ``spent`` ones.
            sort: ``-share`` (the default: who has used most first), ``share``, ``tenant`` or ``-tenant``.
            page_size: How many are fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_budgets(
                after, page_size, q=q, tenant=tenant, state=state, sort=sort
            )
        )

    def get(self, *, tenant: str | None = None, key_id: str | None = None) -> Budget:
        """Get what a tenant or a key has spent of its budgets."""
        return self._send(operations.get_budget(tenant, key_id))
