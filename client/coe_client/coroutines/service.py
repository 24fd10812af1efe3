"""``client.config`` and what else tells of the service, for coroutines."""

from __future__ import annotations

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import service as operations
from coe_client.paging import AsyncPages
from coe_client.types import (
    Breaker,
    BreakersReset,
    ConfigValue,
    ExpertModels,
    LocalMemory,
    LocalModel,
)


class AsyncConfig(AsyncGroup):
    """``client.config``: the service's settings. Needs the role admin."""

    def list(self) -> AsyncPages[ConfigValue]:
        """List settings and where each value came from; secrets are hidden by the service."""
        return self._pages(lambda _: operations.list_config())


class AsyncBreakers(AsyncGroup):
    """``client.breakers``: endpoints that are left alone. Needs viewer to read, editor to reset."""

    def list(
        self,
        *,
        expert: str | None = None,
        state: str | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[Breaker]:
        """List endpoints with their circuit breakers, by expert.

        Args:
            expert: Only this expert's.
            state: Only those that are ``closed``, ``open`` or ``half_open``.
            page_size: Endpoints fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_breakers(after, page_size, expert=expert, state=state)
        )

    async def reset(self, expert: str, *, endpoint: str | None = None) -> BreakersReset:
        """Close an expert's circuit breakers, or one of them, on every replica."""
        return await self._send(operations.reset_breakers(expert, endpoint))


class AsyncResidency(AsyncGroup):
    """``client.residency``: local models in memory, of the replica that answers. Needs viewer; editor to change."""

    def list(self, *, page_size: int | None = None) -> AsyncPages[LocalModel]:
        """List the models, by name."""
        return self._pages(lambda after: operations.list_local_models(after, page_size))

    async def memory(self) -> LocalMemory:
        """Tell how much memory the models take, and how much they may."""
        return await self._send(operations.get_local_memory())

    async def load(self, expert: str) -> ExpertModels:
        """Load an expert's models; this returns once they can answer."""
        return await self._send(operations.change_local_models("load", expert))

    async def unload(self, expert: str) -> ExpertModels:
        """Unload an expert's models, until a request asks for them. Nobody may be using them."""
        return await self._send(operations.change_local_models("unload", expert))

    async def pin(self, expert: str) -> ExpertModels:
        """Let an expert's models stay in memory once they are loaded."""
        return await self._send(operations.change_local_models("pin", expert))

    async def unpin(self, expert: str) -> ExpertModels:
        """Let an expert's models make room for others again."""
        return await self._send(operations.change_local_models("unpin", expert))
