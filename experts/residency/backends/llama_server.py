"""Models of a llama.cpp server in router mode.

``llama-server`` started without a model takes ``POST /models/load`` and ``/models/unload`` and lists states under
``GET /models`` (its README, "Using multiple models"). Both answer at once and do their work afterwards. Start it
with ``--models-max 0``, so that it does not evict by a rule of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experts.errors import ExpertFailed, ExpertMisconfigured
from experts.residency.backends.server import ModelServer, looks
from experts.residency.views import Place

_THERE = frozenset({"loaded", "sleeping"})
"""A model that sleeps wakes when it is called, and so its room has to be kept."""


class LlamaServerModel:
    """One model of a llama.cpp server in router mode.

    Args:
        server: Where it is.
        model: Its name there.
        size: Bytes it takes, where known; else its file is looked at, which must be on this machine.
    """

    def __init__(self, server: ModelServer, model: str, size: int | None = None) -> None:
        self._server = server
        self._model = model
        self._size = size

    async def size(self) -> int:
        """Return what was given, or the size of its file; see :class:`.protocol.Backend`."""
        if self._size is not None:
            return self._size
        listed = await self._listed()
        path = listed.get("path")
        found = await asyncio.to_thread(_file_size, path) if isinstance(path, str) else None
        if found is not None:
            return found
        expert = self._server.expert
        message = f"expert '{expert}': the size of its model cannot be found out; give it"
        raise ExpertMisconfigured(message, expert=expert)

    async def is_loaded(self) -> bool:
        """Return whether it is in memory, or comes there by itself when it is called."""
        return self._state(await self._listed()) in _THERE

    async def load(self) -> int | None:
        """Load it, and wait until it can answer. Its size is what :meth:`size` says."""
        async with self._server.patiently("be loaded"):
            told = False
            async for _ in looks():
                state = self._state(await self._listed())
                if state in _THERE:
                    break
                if state != "unloaded":
                    continue  # It is on its way, perhaps because somebody else wanted it.
                if told:
                    expert = self._server.expert
                    message = f"the model of expert '{expert}' could not be loaded by its server"
                    raise ExpertFailed(message, expert=expert)
                await self._server.post("/models/load", {"model": self._model})
                told = True
        return None

    async def unload(self) -> None:
        """Unload it, and wait until its process is gone."""
        async with self._server.patiently("be unloaded"):
            await self._server.post("/models/unload", {"model": self._model})
            async for _ in looks():
                if self._state(await self._listed()) == "unloaded":
                    return

    async def place(self) -> Place:
        """Return ``disk``: what the system keeps of its file is not known here."""
        return "disk"

    async def _listed(self) -> Mapping[str, Any]:
        listing = await self._server.get("/models")
        models = listing.get("data") if isinstance(listing, Mapping) else None
        if not isinstance(models, list):
            raise self._server.says_nonsense("/models")
        for model in models:
            if isinstance(model, Mapping) and model.get("id") == self._model:
                if isinstance(model.get("status"), Mapping):
                    return model
                message = f"the llama.cpp server of expert '{self._server.expert}' is not in router"
                message += " mode: start it without a model"
                raise ExpertMisconfigured(message, expert=self._server.expert)
        expert = self._server.expert
        message = f"expert '{expert}': its llama.cpp server has no model '{self._model}'"
        raise ExpertMisconfigured(message, expert=expert)

    @staticmethod
    def _state(listed: Mapping[str, Any]) -> object:
        return listed["status"].get("value")


def _file_size(path: str) -> int | None:
    try:
        return Path(path).stat().st_size
    except OSError:
        return None
