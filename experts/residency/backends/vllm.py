"""The model of a vLLM server, put to sleep and woken.

``POST /sleep?level=1`` moves the weights to main memory and gives up the cache, ``POST /wake_up`` brings them
back, ``GET /is_sleeping`` tells (https://docs.vllm.ai, "Sleep Mode"). The server has these with
``--enable-sleep-mode`` and ``VLLM_SERVER_DEV_MODE=1``. So a sleeping model is in the tier below.
"""

from __future__ import annotations

from collections.abc import Mapping

from experts.errors import ExpertError, ExpertMisconfigured
from experts.residency.backends.server import ModelServer, looks
from experts.residency.views import Place

_NOT_FOUND = (404, 405)


class VllmModel:
    """The one model of a vLLM server.

    Args:
        server: Where it is.
        size: Bytes that the server takes when awake; it does not tell.
    """

    def __init__(self, server: ModelServer, size: int) -> None:
        self._server = server
        self._size = size

    async def size(self) -> int:
        """Return what was given; see :class:`.protocol.Backend`."""
        return self._size

    async def is_loaded(self) -> bool:
        """Return whether it is awake."""
        try:
            said = await self._server.get("/is_sleeping")
        except ExpertError as error:
            if error.upstream_status in _NOT_FOUND:
                expert = self._server.expert
                message = f"the vLLM server of expert '{expert}' cannot sleep: start it with"
                message += " --enable-sleep-mode and VLLM_SERVER_DEV_MODE=1"
                raise ExpertMisconfigured(message, expert=expert) from error
            raise
        sleeps = said.get("is_sleeping") if isinstance(said, Mapping) else None
        if not isinstance(sleeps, bool):
            raise self._server.says_nonsense("/is_sleeping")
        return not sleeps

    async def load(self) -> int | None:
        """Wake it."""
        async with self._server.patiently("wake up"):
            await self._server.post("/wake_up")
            async for _ in looks():
                if await self.is_loaded():
                    break
        return None

    async def unload(self) -> None:
        """Put it to sleep; its weights stay in main memory."""
        async with self._server.patiently("go to sleep"):
            await self._server.post("/sleep?level=1")
            async for _ in looks():
                if not await self.is_loaded():
                    return

    async def place(self) -> Place:
        """Return ``mapped``: asleep, its weights are in main memory."""
        return "mapped"
