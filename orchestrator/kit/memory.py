"""How the C library keeps memory that was freed."""

from __future__ import annotations

import ctypes
import sys

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
_LARGE_BYTES = 1 << 20
_ARENAS = 2


def return_large_blocks() -> None:
    """Have large blocks taken from the system one by one, and returned when they are freed (mallopt(3)).

    By itself glibc soon keeps them in its heap, one for each of many threads, where what is small and stays holds on
    to the place of what was large and is gone: 40 MB after a start. Other C libraries are left as they are.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_ARENA_MAX, _ARENAS)
