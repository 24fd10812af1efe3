"""What every backend does."""

from __future__ import annotations

from typing import Protocol

from experts.residency.views import Place


class Backend(Protocol):
    """One model of one server, which can be brought into memory and out of it."""

    async def size(self) -> int:
        """Return the bytes that the model will take, as well as can be told before it is loaded.

        Raises:
            ExpertError: If that cannot be found out.
        """
        ...

    async def is_loaded(self) -> bool:
        """Return whether it is in memory already: somebody else may have brought it there.

        Raises:
            ExpertError: If that cannot be found out.
        """
        ...

    async def load(self) -> int | None:
        """Bring it into memory, and return once it can answer: the bytes it takes, where measured.

        Raises:
            ExpertError: If it could not be loaded.
        """
        ...

    async def unload(self) -> None:
        """Take it out of memory, and return once that is free.

        Raises:
            ExpertError: If that could not be done.
        """
        ...

    async def place(self) -> Place:
        """Return where it is while it is not loaded, as well as can be told without asking its server."""
        ...
