"""Models of an Ollama server.

A request without a prompt loads a model, and ``keep_alive`` says for how long: ``-1`` for good, ``0`` unloads
it (https://docs.ollama.com/api, "Load a model", "Unload a model"). ``/api/ps`` says what is in memory and how
much it takes, ``/api/tags`` how large the files are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experts.errors import ExpertMisconfigured
from experts.residency.backends.server import ModelServer, looks
from experts.residency.views import Place

_FOR_GOOD = -1
_LATEST = ":latest"


class OllamaModel:
    """One model of an Ollama server.

    Args:
        server: Where it is.
        model: Its name there.
    """

    def __init__(self, server: ModelServer, model: str) -> None:
        self._server = server
        self._model = model

    async def size(self) -> int:
        """Return the size of its file; see :class:`.protocol.Backend`."""
        size = await self._size_in("/api/tags")
        if size is None:
            expert = self._server.expert
            message = f"expert '{expert}': its Ollama has no model '{self._model}'"
            raise ExpertMisconfigured(message, expert=expert)
        return size

    async def is_loaded(self) -> bool:
        """Return whether it is in memory."""
        return await self._size_in("/api/ps") is not None

    async def load(self) -> int | None:
        """Load it, and return what Ollama says it takes."""
        async with self._server.patiently("be loaded"):
            await self._keep(_FOR_GOOD)
            return await self._size_in("/api/ps")

    async def unload(self) -> None:
        """Unload it, and wait until Ollama does not list it any more."""
        async with self._server.patiently("be unloaded"):
            await self._keep(0)
            async for _ in looks():
                if not await self.is_loaded():
                    return

    async def place(self) -> Place:
        """Return ``disk``: what the system keeps of its file is not known here."""
        return "disk"

    async def _keep(self, seconds: int) -> None:
        body = {"model": self._model, "keep_alive": seconds, "stream": False}
        await self._server.post("/api/generate", body)

    async def _size_in(self, path: str) -> int | None:
        """Return the size that a listing gives for the model; ``None`` where it is not in it."""
        listing = await self._server.get(path)
        models = listing.get("models") if isinstance(listing, Mapping) else None
        if not isinstance(models, list):
            raise self._server.says_nonsense(path)
        for model in models:
            if self._is_it(model):
                size = model.get("size")
                if not isinstance(size, int):
                    raise self._server.says_nonsense(path)
                return size
        return None

    def _is_it(self, listed: Any) -> bool:
        if not isinstance(listed, Mapping):
            return False
        names = {listed.get("name"), listed.get("model")}
        return self._model in names or (":" not in self._model and self._model + _LATEST in names)
