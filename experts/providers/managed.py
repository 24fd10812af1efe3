"""OpenAI-speaking servers, some of which load and unload their models when they are told to.

A call of a model on such a server waits until :mod:`experts.residency` has it in memory. All others go through as
they are.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from math import inf

from experts.providers.addresses import AddressPolicy
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.residency.backends.configured import backend_of
from experts.residency.manager import ResidencyManager
from experts.residency.servers import ManagedServer


class ManagedProvider:
    """Calls servers as :class:`.openai.OpenAIProvider` does, within a memory budget.

    Args:
        wire: Makes the calls; closed with this.
        manager: Decides what is in memory; closed with this.
        servers: Whose models are managed.
        addresses: Where connections may lead.
    """

    def __init__(
        self,
        wire: OpenAIProvider,
        manager: ResidencyManager,
        servers: Sequence[ManagedServer],
        addresses: AddressPolicy | None = None,
    ) -> None:
        self._wire = wire
        self._manager = manager
        self._servers = {server.root: server for server in servers}
        self._addresses = addresses

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        async with self._held(call):
            return await self._wire.complete(call)

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        async with self._held(call), aclosing(self._wire.stream(call)) as blocks:
            async for block in blocks:
                yield block

    async def embed(self, call: ExpertCall) -> ExpertAnswer:
        """Return vectors; see :class:`experts.providers.protocol.EmbeddingProvider`."""
        async with self._held(call):
            return await self._wire.embed(call)

    async def aclose(self) -> None:
        """Close connections. Models stay where they are: others may use them."""
        await self._manager.aclose()
        await self._wire.aclose()

    @asynccontextmanager
    async def _held(self, call: ExpertCall) -> AsyncIterator[None]:
        root = (call.url or "").rstrip("/").removesuffix("/v1")
        server = self._servers.get(root)
        if server is None:
            yield
            return
        expert = call.expert
        # A vLLM has one model, whatever its adapters are called.
        model = "" if server.kind == "vllm" else f" {expert.model}"
        backend = backend_of(server, expert.model, expert.id, call.api_key, self._addresses)
        # These queue by themselves what they cannot answer at once.
        async with self._manager.hold(
            root + model, backend, expert=expert.id, slots=inf, category=call.category
        ):
            yield
