"""Takes feedback on requests, and makes candidate scores of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.feedback import repository
from orchestrator.feedback.scores import SOURCE, feedback_scores
from orchestrator.kit.ids import time_of, uuid7
from orchestrator.tenants import consent
from orchestrator.tenants.keys import Principal
from orchestrator.usage import repository as usage_repository

MAX_JUDGED = 200_000
"""Feedback that scores are made from, the latest."""
_SETTLING = timedelta(seconds=30)
_WAIT_SECONDS = 3.0
_LOOK_SECONDS = 0.05


class RequestUnknown(Exception):
    """The tenant has made no such request."""


class CategoryUnknown(Exception):
    """The category is not one that the router knew or knows."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a caller says of an answer.

    Args:
        request_id: Which request.
        rating: -1 (bad) to 1 (good), or ``None``.
        corrected_category: The category it should have been, or ``None``.
        preferred_answer: A better answer, or ``None``.
    """

    request_id: str
    rating: float | None = None
    corrected_category: str | None = None
    preferred_answer: str | None = None


class FeedbackService:
    """Feedback of one installation.

    Args:
        engine: Where it is kept.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def give(
        self, principal: Principal, opinion: Opinion, categories: Sequence[str]
    ) -> dict[str, Any]:
        """Store an opinion, in place of what the same key said of the request before.

        The text of a preferred answer is stored only where the tenant has opted in; otherwise
        only that another answer was preferred.

        Args:
            principal: Who says it.
            opinion: What is said.
            categories: Those that the present router knows.

        Raises:
            RequestUnknown: If the principal's tenant has made no such request.
            CategoryUnknown: If the corrected category is not one of ``categories``, nor one that
                the request could have been.
        """
        request = await self._request(opinion.request_id)
        if request is None or request["tenant"] != principal.tenant:
            raise RequestUnknown(opinion.request_id)
        corrected = opinion.corrected_category
        known = {*categories, *(request["decision"] or {}).get("probabilities", {})}
        if corrected is not None and corrected not in known:
            raise CategoryUnknown(corrected)
        async with self._engine.begin() as connection:
            keep = await consent.stores_content(connection, principal.tenant)
            row = {
                "id": f"fb_{uuid7().hex}",
                "request_id": opinion.request_id,
                "started_at": time_of(opinion.request_id),
                "tenant": principal.tenant,
                "key_id": principal.key_id,
                "rating": opinion.rating,
                "corrected_category": corrected,
                "prefers_other": opinion.preferred_answer is not None,
                "preferred_answer": opinion.preferred_answer if keep else None,
            }
            return await repository.put(connection, row)

    async def page(self, *, limit: int, after: str | None) -> list[dict[str, Any]]:
        """Return feedback, the newest first, that before the id ``after``."""
        async with self._engine.connect() as connection:
            return await repository.page(connection, limit=limit, after=after)

    async def scores(self) -> list[dict[str, Any]]:
        """Return the candidate scores as they were last computed."""
        async with self._engine.connect() as connection:
            return await repository.list_scores(connection, SOURCE)

    async def compute_scores(self, *, days: int) -> list[dict[str, Any]]:
        """Compute the candidate scores anew, from feedback on the requests of some days."""
        since = datetime.now(UTC) - timedelta(days=days)
        async with self._engine.connect() as connection:
            said, requests = await repository.judged(connection, since=since, limit=MAX_JUDGED)
        rows = await asyncio.to_thread(feedback_scores, said, requests)
        async with self._engine.begin() as connection:
            await repository.replace_scores(connection, SOURCE, rows)
            return await repository.list_scores(connection, SOURCE)

    async def content_choice(self, tenant: str) -> bool | None:
        """Tell whether texts of a tenant's callers are stored; ``None``: no such tenant."""
        async with self._engine.connect() as connection:
            return await consent.stores_content(connection, tenant)

    async def choose_content(self, tenant: str, *, store: bool) -> bool | None:
        """Store texts from now on, or erase those that are stored; ``None``: no such tenant."""
        async with self._engine.begin() as connection:
            if not await consent.set_stores_content(connection, tenant, store=store):
                return None
            if not store:
                await repository.erase_answers(connection, tenant)
        return store

    async def _request(self, request_id: str) -> dict[str, Any] | None:
        """Return the usage record; one of a request that has just ended may be a moment away."""
        try:
            age = datetime.now(UTC) - time_of(request_id)
        except (ValueError, OverflowError, OSError):
            return None
        clock = asyncio.get_running_loop().time
        patience = _WAIT_SECONDS if timedelta() <= age < _SETTLING else 0.0
        deadline = clock() + patience
        while True:
            async with self._engine.connect() as connection:
                row = await usage_repository.get_row(connection, request_id)
            if row is not None or clock() >= deadline:
                return row
            await asyncio.sleep(_LOOK_SECONDS)
