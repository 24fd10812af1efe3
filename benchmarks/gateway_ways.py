"""The ways to one stub of an expert that the gateway benchmarks compare, each in a process of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import peers
import psutil
import yaml
from bench_capacity import KEY, running_service, set_limits

PARTS = Path(__file__).with_name("gateway_parts.py")
HEADERS = {"authorization": f"Bearer {KEY}"}
DIRECT, BARE, SERVICE, LITELLM = "stub alone", "bare", "service", "litellm"


@dataclass(frozen=True)
class Way:
    """One way to the expert.

    Args:
        name: Of the way.
        url: Where it listens.
        pid: Its process.
        headers: That it wants with each request.
        children: Whether processes that it starts do its work too.
    """

    name: str
    url: str
    pid: int
    headers: Mapping[str, str]
    children: bool = False

    def cpu(self) -> float:
        """Return the seconds of processor time it has used, its stores left aside."""
        process = psutil.Process(self.pid)
        all_of_it = [process, *(process.children(recursive=True) if self.children else ())]
        times = [each.cpu_times() for each in all_of_it]
        return float(sum(each.user + each.system for each in times))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(name: str, *ports: int) -> Iterator[int]:
    """Run a server of :mod:`gateway_parts`; yield its process id once it listens.

    Raises:
        RuntimeError: If it does not start.
    """
    process = subprocess.Popen([sys.executable, str(PARTS), name, *map(str, ports)])
    try:
        deadline = time.monotonic() + 30
        while not _listens(ports[0]):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not start")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def settings(directory: Path, stub: int, **further: str) -> dict[str, str]:
    """Return the environment of a service that has the stub for its only expert."""
    experts = directory / "experts.yaml"
    entry = {
        "id": "stub",
        "provider": "openai",
        "model": "stub",
        "endpoints": [{"url": f"http://127.0.0.1:{stub}/v1"}],
        "price": {"input": 1.0, "output": 2.0},
        "context_window": 1_000_000,
    }
    experts.write_text(yaml.safe_dump({"experts": [entry]}))
    return {
        "COE_DATA_DIR": str(directory),
        "COE_EXPERTS_FILE": str(experts),
        "COE_ADMIN_KEY": KEY,
        "COE_PORT": "0",
        "COE_WORKER": "false",
        "COE_DISCOVER": "false",
        **further,
    }


@contextmanager
def all_ways(directory: Path, *, with_peers: bool) -> Iterator[list[Way]]:
    """Run the stub and everything before it; yield the ways, the shortest first."""
    stub, bare, proxy = free_port(), free_port(), free_port()
    expert = f"http://127.0.0.1:{stub}"
    with ExitStack() as stack:
        stub_pid = stack.enter_context(running("stub", stub))
        bare_pid = stack.enter_context(running("bare", bare, stub))
        url, pid = stack.enter_context(running_service(directory, settings(directory, stub)))
        asyncio.run(set_limits(url))
        ways = [
            Way(DIRECT, expert, stub_pid, {}),
            Way(BARE, f"http://127.0.0.1:{bare}", bare_pid, {}),
            Way(SERVICE, url, pid, HEADERS),
        ]
        if with_peers:
            peer = stack.enter_context(peers.litellm_proxy(directory, proxy, expert))
            place = f"http://127.0.0.1:{proxy}"
            ways.append(Way(LITELLM, place, peer, peers.HEADERS, children=True))
        yield ways
