"""Freed memory goes back to the system, though something small was put behind it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
from pathlib import Path

from orchestrator.kit.memory import return_large_blocks

def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6

return_large_blocks()
for _ in range(2):  # what was freed once tells glibc to keep the next of that size
    large, small = [], []
    before = resident()
    for _ in range(20):
        large.append(bytearray(b"x") * (3 << 20))
        small.append(bytearray(40_000))
    del large
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_large_blocks_are_returned() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(done.stdout) < 5, "of 60 MB; by itself glibc keeps all of it"
