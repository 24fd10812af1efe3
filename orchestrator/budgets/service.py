"""Budgets of all tenants and keys, found, sorted and looked ahead of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.budgets.drawing import budgets_of, share_of, state_of
from orchestrator.budgets.history import SpendHistory
from orchestrator.budgets.schemas import BudgetView, Sort, State
from orchestrator.budgets.subjects import Limited, limited
from orchestrator.tenants.limits.limiter import Limiter
from orchestrator.tenants.limits.schemas import uses_of
from orchestrator.tenants.limits.values import Limits, Use

Place = tuple[float, str, str]
"""Where something stands in a sorted list: by share, then tenant and scope."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody who has limits, and where they stand."""

    limited: Limited
    use: Use | None
    share: float | None
    place: Place


@dataclass(frozen=True, slots=True)
class Budgets:
    """Tells how much of budgets is used.

    Args:
        engine: Where limits are kept.
        limiter: Counts what is used.
        history: What was spent lately.
    """

    engine: AsyncEngine
    limiter: Limiter
    history: SpendHistory

    async def standings(
        self,
        *,
        text: str | None = None,
        tenant: str | None = None,
        scope: str | None = None,
        state: State | None = None,
        sort: Sort = "-share",
    ) -> list[Standing]:
        """Return who has limits, sorted.

        Args:
            text: Only those with this text in a name or an id.
            tenant: Only those of this tenant.
            scope: Only these: ``tenant``, or the id of a key.
            state: Only those in this state.
            sort: By share or by tenant, the largest first or last.

        Raises:
            SQLAlchemyError: If Postgres does not answer.
        """
        async with self.engine.connect() as connection:
            found = await limited(connection, text=text, tenant=tenant, scope=scope)
        uses = await self.limiter.uses_of([one.record for one in found])
        all_of_them = [_standing(one, use, sort) for one, use in zip(found, uses, strict=True)]
        asked = (one for one in all_of_them if state is None or state_of(one.share) == state)
        return sorted(asked, key=lambda one: one.place, reverse=sort == "-tenant")

    async def views(self, standings: Sequence[Standing]) -> list[BudgetView]:
        """Return standings as they are shown, with what was spent lately and is to be expected.

        Raises:
            SQLAlchemyError: If Postgres does not answer.
        """
        now = datetime.now(UTC)
        subjects = {
            (one.limited.record.tenant, one.limited.key_id)
            for one in standings
            if one.limited.record.limits.budgeted
        }
        spent = await self.history.of(subjects, now) if subjects else {}
        found = []
        for one in standings:
            who, record = one.limited, one.limited.record
            subject = (record.tenant, who.key_id)
            drawn = (
                list(budgets_of(record.limits, one.use, spent[subject], now))
                if one.use is not None and subject in spent
                else []
            )
            found.append(
                BudgetView(
                    tenant=record.tenant,
                    tenant_name=who.tenant_name,
                    key_id=who.key_id,
                    key_name=who.key_name,
                    key_prefix=who.key_prefix,
                    known=one.use is not None,
                    share=one.share,
                    state=state_of(one.share),
                    budgets=drawn,
                    rates=[] if one.use is None else uses_of(_rates(record.limits), one.use),
                )
            )
        return found


def behind(standings: Sequence[Standing], place: Place, sort: Sort) -> list[Standing]:
    """Return those of a sorted list that come after a place."""
    if sort == "-tenant":
        return [one for one in standings if one.place < place]
    return [one for one in standings if one.place > place]


def _standing(who: Limited, use: Use | None, sort: Sort) -> Standing:
    record = who.record
    share = share_of(record.limits, use)
    known = -1.0 if share is None else round(share, 6)
    number = {"share": known, "-share": -known}.get(sort, 0.0)
    return Standing(who, use, share, (number, record.tenant, record.scope))


def _rates(limits: Limits) -> Limits:
    return Limits(limits.requests, limits.tokens, limits.concurrent)
