"""Calls for vectors, made as well as those for answers: the same caller over other providers.

Endpoints, deadlines, retries and health are the caller's; only what it asks a provider for differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

from experts.calling.registry import ProviderRegistry
from experts.errors import ExpertMisconfigured
from experts.providers.protocol import EmbeddingProvider, ExpertAnswer, ExpertCall, Provider

_OF_CHAT = frozenset({"messages", "stream", "stream_options"})


class EmbeddingRegistry(ProviderRegistry):
    """The same providers, asked for vectors.

    Args:
        base: Owns them, and closes them.
    """

    def __init__(self, base: ProviderRegistry) -> None:
        super().__init__()
        self._base = base

    def get(self, name: str) -> Provider:
        """Return what asks the provider of this name for vectors.

        Raises:
            ExpertMisconfigured: If there is none, or it has no vectors.
        """
        provider = self._base.get(name)
        if not isinstance(provider, EmbeddingProvider):
            raise ExpertMisconfigured(f"provider '{name}' makes no embeddings")
        return _Vectors(provider)


@dataclasses.dataclass(frozen=True, slots=True)
class _Vectors:
    """A provider whose answers are vectors."""

    provider: EmbeddingProvider

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        body = {name: value for name, value in call.body.items() if name not in _OF_CHAT}
        return await self.provider.embed(dataclasses.replace(call, body=body))

    def stream(self, call: ExpertCall) -> AsyncIterator[bytes]:
        message = f"expert '{call.expert.id}' makes embeddings, and they are not streamed"
        raise ExpertMisconfigured(message, expert=call.expert.id)

    async def aclose(self) -> None:
        """Do nothing: the provider is closed by who owns it."""
