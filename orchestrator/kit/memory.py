"""Memory that is free, given back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Give back what the C library keeps of memory that was freed; nothing where it has no way to.

    glibc keeps an arena for each thread that allocated much, and returns only what is free at its end
    (malloc_trim(3)). A start leaves 30 to 60 MB there.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
