"""The service as the documentation has it: the local experts that come with the package."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from coe_client import Coe
from experts.packaged import PACKAGED
from tests.docs.blocks import ROOT
from tests.docs.running import Terminal

START_SECONDS = 60.0


@dataclass(frozen=True)
class Service:
    """A running ``coe serve --tour``."""

    url: str
    key: str
    data_dir: Path
    catalogue: Path

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return (self.data_dir.parent / "output.log").read_text(encoding="utf-8")

    def reset(self) -> None:
        """Make the catalogue what it was at the start."""
        entries = yaml.safe_load(self.catalogue.read_text())["experts"]
        with Coe(base_url=self.url, api_key=self.key) as client:
            client.experts.apply(entries, prune=True)


@pytest.fixture(scope="session")
def docs_service(scratch: Path) -> Iterator[Service]:
    """The service, shared by all pages."""
    directory = scratch / "docs"
    directory.mkdir(mode=0o755)
    data_dir, catalogue = directory / "data", directory / "packaged.yaml"
    entries = [expert.model_dump(mode="json", exclude_unset=True) for expert in PACKAGED]
    catalogue.write_text(yaml.safe_dump({"experts": entries}))
    with (directory / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("coe")), "serve", "--tour"],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={
                **os.environ,
                "COE_DATA_DIR": str(data_dir),
                "COE_EXPERTS_FILE": str(catalogue),
                "COE_PORT": str(_free_port()),
            },
        )
    try:
        yield _started(process, data_dir, catalogue)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture
def terminal(docs_service: Service, tmp_path: Path) -> Terminal:
    """A terminal on the machine that the service runs on, in a copy of the checkout."""
    docs_service.reset()
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    environ = {"COE_DATA_DIR": str(docs_service.data_dir)}
    return Terminal(tmp_path, docs_service.url, docs_service.data_dir, environ)


def _started(process: subprocess.Popen[bytes], data_dir: Path, catalogue: Path) -> Service:
    log = data_dir.parent / "output.log"
    deadline = time.monotonic() + START_SECONDS
    while "Press Ctrl-C" not in log.read_text(encoding="utf-8"):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"the service did not start:\n{log.read_text(encoding='utf-8')}")
        time.sleep(0.05)
    url = json.loads((data_dir / "server.json").read_text())["url"]
    return Service(url, (data_dir / "admin-key").read_text().strip(), data_dir, catalogue)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
