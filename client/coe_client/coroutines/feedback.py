"""``client.feedback``, for coroutines."""

from __future__ import annotations

from collections.abc import Sequence

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import feedback as operations
from coe_client.paging import AsyncPages
from coe_client.types import ContentChoice, Feedback, FeedbackRecord, Scores


class AsyncOpinions(AsyncGroup):
    """``client.feedback``: what answers were worth."""

    async def give(
        self,
        request_id: str,
        *,
        rating: float | None = None,
        scale: str | None = None,
        corrected_category: str | None = None,
        preferred_answer: str | None = None,
        preferred_request: str | None = None,
    ) -> Feedback:
        """Say what an answer was worth. Said again, it replaces what was said before.

        Args:
            request_id: Of the answer: ``answer.route.request_id``.
            rating: -1 (bad) to 1 (good), or 1 to 5 with the scale ``stars``.
            scale: ``unit`` (the default) or ``stars``.
            corrected_category: The category the request should have gone to.
            preferred_answer: A better answer. Its text is stored only where the tenant opted in.
            preferred_request: Another request, whose answer to the same was better.
        """
        request = operations.give_feedback(
            request_id,
            rating=rating,
            scale=scale,
            corrected_category=corrected_category,
            preferred_answer=preferred_answer,
            preferred_request=preferred_request,
        )
        return await self._send(request)

    def list(self, *, page_size: int | None = None) -> AsyncPages[FeedbackRecord]:
        """List feedback, the newest first. Needs the role viewer."""
        return self._pages(lambda after: operations.list_feedback(after, page_size))

    async def scores(self) -> Scores:
        """Get the candidate scores as they were last computed. Needs the role viewer."""
        return await self._send(operations.list_feedback_scores())

    async def compute_scores(self, *, days: int | None = None) -> Scores:
        """Compute the candidate scores anew. Needs the role editor."""
        return await self._send(operations.compute_feedback_scores(days))

    async def export(self, *, days: int | None = None) -> str:
        """Get the prompts of judged requests with scores, as JSON lines. Needs the role editor.

        ``coe router train --data`` reads them. Only prompts of tenants that opted in are stored.
        """
        return await self._send(operations.export_feedback(days))

    async def stores_content(self, tenant: str) -> ContentChoice:
        """Tell whether texts of a tenant's callers are stored. Needs the role viewer."""
        return await self._send(operations.get_content_choice(tenant))

    async def store_content(
        self,
        tenant: str,
        *,
        store: bool | None = None,
        level: str | None = None,
        retention_days: int | None = None,
        patterns: Sequence[str] = (),
    ) -> ContentChoice:
        """Choose what is stored of what a tenant's callers and experts say. Needs the role admin.

        What is not to be stored any more is erased.

        Args:
            tenant: Its id.
            store: Short for the levels ``prompts`` and ``off``.
            level: ``off``, ``prompts`` or ``all``, in place of ``store``.
            retention_days: How long it is kept; ``None``: until the tenant opts out.
            patterns: Regular expressions of what is blotted out beside what always is.
        """
        wanted = operations.set_content_choice(
            tenant, store=store, level=level, retention_days=retention_days, patterns=patterns
        )
        return await self._send(wanted)
