"""How much of a file is in memory."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path


def cached_share(path: Path) -> float | None:
    """Return the share of a file's pages that the system holds in memory, by ``mincore(2)``.

    ``None`` where it does not tell: off Linux, and for files that this process could not write, whose pages
    Linux calls present whether they are or not.

    Args:
        path: The file.
    """
    try:
        mincore = ctypes.CDLL(None, use_errno=True).mincore
        if not os.access(path, os.W_OK):
            return None
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as view:
            return _share(mincore, view)
    except (OSError, ValueError, AttributeError):
        return None


def _share(mincore: ctypes._NamedFuncPointer, view: mmap.mmap) -> float | None:
    pages = -(-len(view) // mmap.PAGESIZE)
    present = (ctypes.c_ubyte * pages)()
    first = ctypes.c_char.from_buffer(view)
    try:
        failed = mincore(
            ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(len(view)), present
        )
    finally:
        del first  # The mapping cannot be closed while something points into it.
    return None if failed else bytes(present).translate(_LOW_BITS).count(1) / pages


_LOW_BITS = bytes(value & 1 for value in range(256))
