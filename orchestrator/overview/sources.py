"""Where the overview looks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from experts.calling.health import ExpertHealth
from orchestrator.breakers.sharing import SharedBreakers
from orchestrator.catalogue.service import Catalogue
from orchestrator.residency.service import Residency
from orchestrator.routers.service import ActiveRouter
from orchestrator.tenants.limits.book import LimitBook
from orchestrator.tenants.limits.limiter import Limiter


@dataclass(frozen=True, slots=True)
class Sources:
    """What the figures are read from, one and the same catalogue for all of an answer."""

    engine: AsyncEngine
    redis: Redis
    catalogue: Catalogue
    router: ActiveRouter
    breakers: SharedBreakers
    residency: Residency
    limits: LimitBook
    limiter: Limiter
    spool: Path

    @property
    def health(self) -> ExpertHealth:
        """The breakers of this process."""
        return self.breakers.health

    @classmethod
    def of(cls, services: Any) -> Sources:
        """Return those among the services."""
        return cls(
            engine=services.engine,
            redis=services.redis,
            catalogue=services.catalogue.current,
            router=services.router,
            breakers=services.breakers,
            residency=services.residency,
            limits=services.limits,
            limiter=services.limiter,
            spool=services.state.spool,
        )
