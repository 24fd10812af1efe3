"""Takes feedback on requests, and makes candidate scores of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from orchestrator.feedback import repository
from orchestrator.feedback.dataset import json_lines
from orchestrator.feedback.scores import SOURCE, feedback_scores
from orchestrator.kit.ids import time_of, uuid7
from orchestrator.routers.outcomes import OutcomeMemory
from orchestrator.tenants import consent
from orchestrator.tenants.content import NOTHING, ContentChoice
from orchestrator.tenants.keys import Principal
from orchestrator.usage import repository as usage_repository
from orchestrator.usage.content import repository as contents
from orchestrator.usage.content.redaction import redacted

MAX_JUDGED = 200_000
"""Feedback that scores are made from, the latest."""
MAX_EXPORTED = 50_000
"""Feedback that a data set is made from, the latest."""
_SETTLING = timedelta(seconds=30)
_WAIT_SECONDS = 3.0
_LOOK_SECONDS = 0.05


Erase = Callable[[AsyncConnection, str], Awaitable[None]]
"""Erases what is stored of a tenant, within a transaction."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a caller says that the answer should have been.

    Args:
        tenant: Whose request it was.
        category: Of the request.
        text: Of the request.
        answer: The better one.
    """

    tenant: str
    category: str
    text: str
    answer: str


Corrected = Callable[[Correction], Awaitable[None]]


class RequestUnknown(Exception):
    """The tenant has made no such request.

    Args:
        request_id: Its supposed id.
        field: Which field of the opinion names it.
    """

    def __init__(self, request_id: str, field: str) -> None:
        super().__init__(request_id)
        self.field = field


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
        preferred_request: A request whose answer to the same was better, or ``None``.
    """

    request_id: str
    rating: float | None = None
    corrected_category: str | None = None
    preferred_answer: str | None = None
    preferred_request: str | None = None


class FeedbackService:
    """Feedback of one installation.

    Args:
        engine: Where it is kept.
        outcomes: Is told what answers were worth.
        consent_changed: Called when a tenant has opted in or out.
        erase: Erases what others have stored of a tenant that opts out.
        corrected: Is told better answers, of tenants that have opted in.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        outcomes: OutcomeMemory,
        consent_changed: Callable[[], Awaitable[None]],
        erase: Erase,
        corrected: Corrected,
    ) -> None:
        self._engine = engine
        self._outcomes = outcomes
        self._consent_changed = consent_changed
        self._erase = erase
        self._corrected = corrected

    async def give(
        self, principal: Principal, opinion: Opinion, categories: Sequence[str]
    ) -> dict[str, Any]:
        """Store an opinion, in place of what the same key said of the request before.

        The text of a preferred answer is stored, redacted, only where the tenant has opted in;
        otherwise only that another answer was preferred.

        Args:
            principal: Who says it.
            opinion: What is said.
            categories: Those that the present router knows.

        Raises:
            RequestUnknown: If the principal's tenant has made no such request.
            CategoryUnknown: If the corrected category is not one of ``categories``, nor one that
                the request could have been.
        """
        request = await self._own_request(principal, opinion.request_id, "request_id")
        if opinion.preferred_request is not None:
            await self._own_request(principal, opinion.preferred_request, "preferred_request")
        corrected = opinion.corrected_category
        known = {*categories, *(request["decision"] or {}).get("probabilities", {})}
        if corrected is not None and corrected not in known:
            raise CategoryUnknown(corrected)
        async with self._engine.begin() as connection:
            choice = await consent.content_choice(connection, principal.tenant) or NOTHING
            better = opinion.preferred_answer
            if better is not None:
                better = redacted(better, choice.patterns) if choice.stores else None
            row = {
                "id": f"fb_{uuid7().hex}",
                "request_id": opinion.request_id,
                "started_at": time_of(opinion.request_id),
                "tenant": principal.tenant,
                "key_id": principal.key_id,
                "rating": opinion.rating,
                "corrected_category": corrected,
                "prefers_other": opinion.preferred_answer is not None
                or opinion.preferred_request is not None,
                "preferred_answer": better,
                "preferred_request": opinion.preferred_request,
            }
            stored = await repository.put(connection, row)
            wanted = [opinion.request_id] if choice.stores else []
            said = await repository.texts(connection, wanted)
        category = corrected or request["category"]
        if better and category and opinion.request_id in said:
            text = said[opinion.request_id]
            await self._corrected(Correction(principal.tenant, category, text, better))
        if opinion.rating is not None and request["decision"] and request["status"] == "ok":
            await self._outcomes.tell(opinion.request_id, (opinion.rating + 1.0) / 2.0)
        return stored

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

    async def dataset(self, *, days: int) -> bytes:
        """Return what feedback says of the requests of some days as a data set for training.

        Only requests whose text is stored are in it; see :mod:`orchestrator.feedback.dataset`.

        Returns:
            JSON lines.
        """
        since = datetime.now(UTC) - timedelta(days=days)
        async with self._engine.connect() as connection:
            said, requests = await repository.judged(connection, since=since, limit=MAX_EXPORTED)
            stored = await repository.texts(connection, [row.request_id for row in requests])
        return await asyncio.to_thread(json_lines, said, requests, stored)

    async def content_choice(self, tenant: str) -> ContentChoice | None:
        """Return what a tenant lets be stored of what is said; ``None``: no such tenant."""
        async with self._engine.connect() as connection:
            return await consent.content_choice(connection, tenant)

    async def choose_content(self, tenant: str, choice: ContentChoice) -> bool:
        """Store what a tenant chooses from now on; what it no longer lets be stored is erased.

        Returns:
            Whether there is such a tenant.
        """
        async with self._engine.begin() as connection:
            if not await consent.choose_content(connection, tenant, choice):
                return False
            if choice.level != "all":
                await contents.erase_answers(connection, tenant)
            if not choice.stores:
                await repository.erase_answers(connection, tenant)
                await contents.erase(connection, tenant)
                await self._erase(connection, tenant)
        await self._consent_changed()
        return True

    async def _own_request(
        self, principal: Principal, request_id: str, field: str
    ) -> dict[str, Any]:
        """Return the usage record of a request of the principal's tenant.

        Raises:
            RequestUnknown: If there is none.
        """
        request = await self._request(request_id)
        if request is None or request["tenant"] != principal.tenant:
            raise RequestUnknown(request_id, field)
        return request

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
