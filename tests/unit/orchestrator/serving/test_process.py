"""A worker process does not outlive its supervisor, however that ends."""

from __future__ import annotations

import socket
import subprocess
import sys

_WATCHES = """
import signal, socket, threading, time
from orchestrator.serving import process
process._GRACE_SECONDS = 0.05
process._AT_MOST_SECONDS = {most}
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
lines = socket.socket(fileno=0).makefile("rb")
threading.Thread(target=process._end_with, args=(lines,), daemon=True).start()
print("watches", flush=True)
while len(told) < {signals}:
    time.sleep(0.01)
print("ends", flush=True)
"""


def _left_alone(signals: int, most: float) -> tuple[str, int]:
    ours, theirs = socket.socketpair()
    code = _WATCHES.format(signals=signals, most=most)
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs.fileno(), stdout=subprocess.PIPE, text=True
    )
    theirs.close()
    assert child.stdout is not None
    with child, ours:
        assert child.stdout.readline() == "watches\n"
        ours.close()  # as the kernel does when the supervisor is killed
        return child.stdout.read(), child.wait(10)


def test_it_stops_and_then_hurries_when_its_supervisor_is_gone() -> None:
    assert _left_alone(signals=2, most=5.0) == ("ends\n", 0)


def test_one_that_does_not_stop_is_ended() -> None:
    assert _left_alone(signals=3, most=0.05) == ("", 1)
