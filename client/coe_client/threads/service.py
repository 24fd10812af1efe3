"""``client.config`` and what else tells of the service, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from coe_client.operations import service as operations
from coe_client.paging import Pages
from coe_client.threads.group import Group
from coe_client.types import (
    Breaker,
    BreakersReset,
    ConfigValue,
    ExpertModels,
    LocalMemory,
    LocalModel,
)


class Config(Group):
    """``client.config``: the service's settings. Needs the role admin."""

    def list(self) -> Pages[ConfigValue]:
        """List settings and where each value came from; secrets are hidden by the service."""
        return self._pages(lambda _: operations.list_config())


class Breakers(Group):
    """``client.breakers``: endpoints that are left alone. Needs viewer to read, editor to reset."""

    def list(
        self,
        *,
        expert: str | None = None,
        state: str | None = None,
        page_size: int | None = None,
    ) -> Pages[Breaker]:
        """List endpoints with their circuit breakers, by expert.

        Args:
            expert: Only this expert's.
            state: Only those that are ``closed``, ``open`` or ``half_open``.
            page_size: Endpoints fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_breakers(after, page_size, expert=expert, state=state)
        )

    def reset(self, expert: str, *, endpoint: str | None = None) -> BreakersReset:
        """Close an expert's circuit breakers, or one of them, on every replica."""
        return self._send(operations.reset_breakers(expert, endpoint))


class Residency(Group):
    """``client.residency``: local models in memory, of the replica that answers. Needs viewer; editor to change."""

    def list(self, *, page_size: int | None = None) -> Pages[LocalModel]:
        """List the models, by name."""
        return self._pages(lambda after: operations.list_local_models(after, page_size))

    def memory(self) -> LocalMemory:
        """Tell how much memory the models take, and how much they may."""
        return self._send(operations.get_local_memory())

    def load(self, expert: str) -> ExpertModels:
        """Load an expert's models; this returns once they can answer."""
        return self._send(operations.change_local_models("load", expert))

    def unload(self, expert: str) -> ExpertModels:
        """Unload an expert's models, until a request asks for them. Nobody may be using them."""
        return self._send(operations.change_local_models("unload", expert))

    def pin(self, expert: str) -> ExpertModels:
        """Let an expert's models stay in memory once they are loaded."""
        return self._send(operations.change_local_models("pin", expert))

    def unpin(self, expert: str) -> ExpertModels:
        """Let an expert's models make room for others again."""
        return self._send(operations.change_local_models("unpin", expert))
