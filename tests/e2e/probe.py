"""Asks ``/healthz`` over one connection until standard input ends; prints the seconds each took.

A program of its own, so that the load that a test makes does not slow the clock down. Argument:
host and port.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time

PAUSE = 0.002


def ask(address: str, stop: threading.Event, seconds: list[float]) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    while not stop.is_set():
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        seconds.append(time.perf_counter() - began)
        time.sleep(PAUSE)


def main() -> None:
    stop, seconds = threading.Event(), list[float]()
    asking = threading.Thread(target=ask, args=(sys.argv[1], stop, seconds))
    asking.start()
    sys.stdout.write("asking\n")
    sys.stdout.flush()
    sys.stdin.read()
    stop.set()
    asking.join()
    sys.stdout.write(json.dumps(seconds))


main()
