"""A GGUF file run inside this process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from experts.providers.llama import LlamaOptions, LlamaServer
from experts.residency.backends.pages import cached_share
from experts.residency.backends.rss import resident_bytes
from experts.residency.views import Place

_MAPPED = 0.9
"""From this share of a file in the page cache on, it is called mapped."""


class GgufModel:
    """A model file, and the server that runs it while it is loaded.

    Args:
        path: The file.
        options: How it is run.
    """

    def __init__(self, path: Path, options: LlamaOptions) -> None:
        self._path = path
        self._options = options
        self.server: LlamaServer | None = None
        """Where it answers, while it is loaded."""
        self._most = 0

    async def size(self) -> int:
        """Return the size of the file; see :class:`.protocol.Backend`."""
        return (await asyncio.to_thread(self._path.stat)).st_size

    async def is_loaded(self) -> bool:
        """Return whether it is in memory."""
        return self.server is not None

    async def load(self) -> int | None:
        """Load it, and return by how much this process has grown, its file at least.

        A load ends with one answer of the model, so all of its weights have been touched.
        """
        before = resident_bytes()
        self.server = await asyncio.to_thread(LlamaServer, self._path, self._options)
        after = resident_bytes()
        if before is None or after is None:
            return None
        # What an earlier load gave back may be used again, and then this one seems smaller than it is.
        self._most = max(after - before, self._most, await self.size())
        return self._most

    async def unload(self) -> None:
        """Stop its server and free it."""
        server, self.server = self.server, None
        if server is not None:
            await asyncio.to_thread(server.stop)

    async def place(self) -> Place:
        """Return ``mapped`` where the system holds its file in memory, as far as it tells."""
        share = await asyncio.to_thread(cached_share, self._path)
        return "mapped" if share is not None and share >= _MAPPED else "disk"
