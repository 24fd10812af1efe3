"""Local models of the catalogue's experts, and the memory that they share in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from experts.calling.registry import ProviderRegistry
from experts.calling.secrets import SecretResolver
from experts.catalogue.expert import Expert
from experts.errors import ExpertError
from experts.residency.managed import ManagedModel, Managing
from experts.residency.manager import ResidencyManager
from experts.residency.views import MemoryView, ModelView

_PROVIDERS = ("local", "openai")
"""Those that may have such models; others need not be built to be asked."""


class NotManaged(Exception):
    """An expert has no model that is loaded and unloaded here."""


class Residency:
    """What is in memory, and what an operator wants there.

    Args:
        manager: Decides.
        providers: Know the models of experts.
        experts: Returns the experts that there are, by id.
        resolve: Returns secrets, for servers that want a key.
    """

    def __init__(
        self,
        manager: ResidencyManager,
        providers: ProviderRegistry,
        experts: Callable[[], Mapping[str, Expert]],
        resolve: SecretResolver,
    ) -> None:
        self._manager = manager
        self._providers = providers
        self._experts = experts
        self._resolve = resolve

    def memory(self) -> MemoryView:
        """Return how full memory is."""
        return self._manager.memory()

    async def view(self) -> list[ModelView]:
        """Return the models of all experts, and others that were asked for, by name.

        Servers are not asked: where a model of theirs is, is known once it was called for.
        """
        found = {view.name: view for view in await self._manager.view()}
        for expert in self._experts().values():
            for model in self._models_if_any(expert):
                if model.name not in found:
                    found[model.name] = await self._stranger(model, expert)
        return [found[name] for name in sorted(found)]

    async def load(self, expert: Expert) -> list[ModelView]:
        """Load an expert's models, and return them once they can answer.

        Raises:
            NotManaged: If it has none.
            ExpertError: If that fails.
        """
        for model in self._models(expert):
            async with self._manager.hold(
                model.name, model.backend, expert=expert.id, slots=model.slots, counts=False
            ):
                pass
        return await self._views_of(expert)

    async def unload(self, expert: Expert) -> list[ModelView]:
        """Take an expert's models out until they are asked for again.

        Raises:
            NotManaged: If it has none.
            ModelInUse: If one cannot go now.
            ExpertError: If its server cannot be told.
        """
        for model in self._models(expert):
            await self._introduce(model, expert)
            await self._manager.unload(model.name)
        return await self._views_of(expert)

    async def pin(self, expert: Expert, *, pinned: bool) -> list[ModelView]:
        """Let an expert's models stay in memory whatever comes, once they are loaded; or no longer.

        Raises:
            NotManaged: If it has none.
            NoRoomToPin: If another model could not be loaded any more.
            ExpertError: If it cannot be found out how large they are.
        """
        for model in self._models(expert):
            await self._introduce(model, expert)
            (self._manager.pin if pinned else self._manager.unpin)(model.name)
        return await self._views_of(expert)

    async def _introduce(self, model: ManagedModel, expert: Expert) -> None:
        await self._manager.introduce(
            model.name, model.backend, expert=expert.id, slots=model.slots
        )

    async def _views_of(self, expert: Expert) -> list[ModelView]:
        names = {model.name for model in self._models(expert)}
        return [view for view in await self._manager.view() if view.name in names]

    def _models(self, expert: Expert) -> Sequence[ManagedModel]:
        provider: object = None
        if expert.provider in _PROVIDERS:
            provider = self._providers.get(expert.provider)
        found = provider.models_of(expert, self._resolve) if isinstance(provider, Managing) else ()
        if not found:
            raise NotManaged(expert.id)
        return found

    def _models_if_any(self, expert: Expert) -> Sequence[ManagedModel]:
        try:
            return self._models(expert)
        except (NotManaged, ExpertError):
            return ()  # An entry that is wrong is told to whoever calls the expert.

    @staticmethod
    async def _stranger(model: ManagedModel, expert: Expert) -> ModelView:
        """Return a model that nobody has asked for yet, as far as that can be told without its server."""
        if expert.provider != "local":
            return ModelView(model.name, (expert.id,), "unknown")
        place, size = await model.backend.place(), await model.backend.size()
        return ModelView(model.name, (expert.id,), place, size)
