"""``client.strategies`` and ``client.lessons``, for coroutines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import strategies as operations
from coe_client.paging import AsyncPages
from coe_client.types.runs import Assignment, Lesson, Strategy

if TYPE_CHECKING:
    import builtins


class AsyncStrategies(AsyncGroup):
    """``client.strategies``: ways to answer with several calls, and which requests get which."""

    async def list(self) -> builtins.list[Strategy]:
        """List the strategies, each with its graph as Mermaid."""
        listed = await self._send(operations.list_strategies())
        return listed.data

    def assignments(self, *, page_size: int | None = None) -> AsyncPages[Assignment]:
        """List which strategies are assigned to what."""
        return self._pages(lambda after: operations.list_assignments(after, page_size))

    async def assign(
        self,
        strategy: str,
        *,
        category: str | None = None,
        policy: str | None = None,
        tenant: str | None = None,
    ) -> Assignment:
        """Let a strategy answer requests that name none, in place of what was assigned to the same.

        Args:
            strategy: Its name; ``direct``: one expert, as ever.
            category: What the requests are about; ``None``: anything.
            policy: Under which they are made; ``None``: any.
            tenant: Whose they are; ``None``: everybody's.
        """
        return await self._send(
            operations.assign_strategy(strategy, category=category, policy=policy, tenant=tenant)
        )

    async def unassign(self, assignment_id: str) -> None:
        """Take an assignment back."""
        await self._send(operations.delete_assignment(assignment_id))


class AsyncLessons(AsyncGroup):
    """``client.lessons``: what runs have taught. Needs the role editor."""

    def list(
        self,
        *,
        tenant: str | None = None,
        category: str | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[Lesson]:
        """List lessons, the newest first."""
        return self._pages(
            lambda after: operations.list_lessons(
                after, page_size, tenant=tenant, category=category
            ),
        )

    async def delete(self, lesson_id: str) -> None:
        """Forget a lesson."""
        await self._send(operations.delete_lesson(lesson_id))
