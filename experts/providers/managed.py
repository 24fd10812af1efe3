"""OpenAI-speaking servers, some of which load and unload their models when they are told to.

A call of a model on such a server waits until :mod:`experts.residency` has it in memory. All others go through as
they are.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from math import inf

from experts.calling.secrets import SecretResolver, resolved
from experts.catalogue.expert import Expert
from experts.providers.addresses import AddressPolicy
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.residency.backends.configured import backend_of
from experts.residency.managed import ManagedModel
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

    def models_of(self, expert: Expert, resolve: SecretResolver) -> Sequence[ManagedModel]:
        """Return an expert's models on servers that are managed; see :class:`.managed.Managing`."""
        return [
            self._model(server, expert, resolved(resolve, endpoint.api_key, expert.id))
            for endpoint in expert.endpoints
            if (server := self._server(endpoint.url)) is not None
        ]

    def _server(self, url: str | None) -> ManagedServer | None:
        return self._servers.get((url or "").rstrip("/").removesuffix("/v1"))

    def _model(self, server: ManagedServer, expert: Expert, api_key: str | None) -> ManagedModel:
        # A vLLM has one model, whatever its adapters are called.
        name = server.root if server.kind == "vllm" else f"{server.root} {expert.model}"
        backend = backend_of(server, expert.model, expert.id, api_key, self._addresses)
        # These queue by themselves what they cannot answer at once.
        return ManagedModel(name, backend, slots=inf)

    @asynccontextmanager
    async def _held(self, call: ExpertCall) -> AsyncIterator[None]:
        server = self._server(call.url)
        if server is None:
            yield
            return
        model = self._model(server, call.expert, call.api_key)
        async with self._manager.hold(
            model.name,
            model.backend,
            expert=call.expert.id,
            slots=model.slots,
            category=call.category,
            likely=call.likely,
        ):
            yield
