"""A GGUF file run inside this process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from experts.providers.llama import LlamaOptions, LlamaServer
from experts.residency.backends.rss import resident_bytes


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
        return max(after - before, await self.size())

    async def unload(self) -> None:
        """Stop its server and free it."""
        server, self.server = self.server, None
        if server is not None:
            await asyncio.to_thread(server.stop)
