"""The running service: a process of its own, real stores, scripted experts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

TRUSTED_PROXY = "127.0.0.9"
"""Where the proxy of the shared service would be."""
EXPERTS: list[dict[str, Any]] = [
    {
        "id": "generalist",
        "provider": "scripted",
        "model": "echo",
        "tags": ["general"],
        "capabilities": ["streaming", "tools", "json", "vision"],
        "price": {"input": 1.0, "output": 2.0},
    },
    {
        "id": "coder",
        "provider": "scripted",
        "model": "fixed:def answer(): return 42",
        "tags": ["coding"],
        "price": {"input": 1.0, "output": 2.0},
    },
    {"id": "failing", "provider": "scripted", "model": "fail:500", "enabled": True,
     "accepts": ["executable"]},
    {"id": "overdue", "provider": "scripted", "model": "fail:504", "accepts": ["executable"]},
    {"id": "refusing", "provider": "scripted", "model": "refuse", "accepts": ["executable"]},
    {"id": "unsteady", "provider": "scripted", "model": "error_midway|echo",
     "accepts": ["executable"]},
    {
        "id": "caller",
        "provider": "scripted",
        "model": 'tool:add {"a": 1, "b": 2}|tool:add {"a": 3, "b": 4}|fixed:3 and 7',
        "capabilities": ["streaming", "tools"],
        "accepts": ["executable"],
        "price": {"input": 1.0, "output": 2.0},
    },
]  # fmt: skip


@dataclass
class Server:
    """A ``coe serve`` process.

    Args:
        data_dir: Its data directory; a second server on the same one takes over its data.
        experts: What its experts file holds.
        environ: Extra environment variables.
        worker: Whether it does runs in the background, which takes a process more.
    """

    data_dir: Path
    experts: list[dict[str, Any]] = field(default_factory=lambda: EXPERTS)
    environ: dict[str, str] = field(default_factory=dict)
    worker: bool = False
    process: subprocess.Popen[bytes] | None = None
    url: str = ""
    key: str = ""

    @property
    def log(self) -> str:
        """What it has printed."""
        return (self.data_dir / "output.log").read_text(errors="replace")

    @property
    def headers(self) -> dict[str, str]:
        """Those of the admin."""
        return {"authorization": f"Bearer {self.key}"}

    def start(self, timeout: float = 60.0) -> Server:
        """Start it and wait until it is ready."""
        (self.data_dir / "server.json").unlink(missing_ok=True)
        self.launch()
        self._wait(timeout)
        return self

    def launch(self) -> None:
        """Start it without waiting."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.data_dir.chmod(0o755)
        experts_file = self.data_dir / "experts.yaml"
        experts_file.write_text(yaml.safe_dump({"experts": self.experts}))
        environ = {
            **os.environ,
            "COE_DATA_DIR": str(self.data_dir),
            "COE_EXPERTS_FILE": str(experts_file),
            "COE_PORT": str(_free_port()),
            "COE_WORKER": str(self.worker).lower(),
            **self.environ,
        }
        with (self.data_dir / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("coe")), "serve"],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environ,
                start_new_session=True,
            )

    def _wait(self, timeout: float) -> None:
        assert self.process is not None
        deadline = time.monotonic() + timeout
        state = self.data_dir / "server.json"
        while not state.exists() or not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"the server did not start:\n{self.log}")
            time.sleep(0.02)
        self.url = json.loads(state.read_text())["url"]
        self.key = (self.data_dir / "admin-key").read_text().strip()

    def _ready(self) -> bool:
        """Whether this process, not one before it on the same data, says that it is ready."""
        assert self.process is not None
        state = json.loads((self.data_dir / "server.json").read_text())
        return bool(state["pid"] == self.process.pid) and "Ready in" in self.log

    def stop(self) -> int:
        """Stop it as Ctrl-C does and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"the server did not stop:\n{self.log}")

    def kill(self) -> None:
        """Kill it with -9: it gets no chance to do anything."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def client(self, **options: Any) -> httpx.Client:
        """Return a plain HTTP client with the admin's key."""
        return httpx.Client(base_url=self.url, headers=self.headers, timeout=30, **options)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def server(scratch: Path) -> Iterator[Server]:
    """The service, shared by all tests that only use it."""
    environ = {"COE_TRUSTED_PROXIES": TRUSTED_PROXY}
    server = Server(scratch / "shared-server", environ=environ, worker=True).start()
    yield server
    assert server.stop() == 0, server.log


@pytest.fixture
def own_server(scratch: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A service of this test's own, not started yet."""
    server = Server(scratch / request.node.name[:40])
    yield server
    if server.process is not None:
        server.stop()
