"""Runs blocks of a page one after the other, as a reader would in one terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.blocks import Block

DOCUMENTED_URL = "http://127.0.0.1:8400"
DOCUMENTED_DATA = "/var/lib/coe"


@dataclass
class Terminal:
    """A working directory and an environment that blocks share.

    Args:
        directory: Where blocks run.
        url: Where the service listens, in place of the address in the documentation.
        data_dir: Its data directory.
        environ: Variables beyond those of the tests; exports of a block are added.
    """

    directory: Path
    url: str
    data_dir: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, block: Block, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a block; standard error is part of its output, as on a screen."""
        body = block.body.replace(DOCUMENTED_URL, self.url)
        if block.language == "python":
            return self._start([sys.executable, "-W", "error", "-c", body], timeout)
        kept = self.directory / ".environment"
        done = self._start(
            ["bash", "-euo", "pipefail", "-c", f'{body}\nenv -0 > "{kept}"'], timeout
        )
        if done.returncode == 0:
            pairs = (entry.partition("=") for entry in kept.read_text().split("\0") if entry)
            self.environ |= {name: value for name, _, value in pairs}
        return done

    def shown(self, text: str) -> str:
        """Return output with address and directory as the documentation has them."""
        for real, documented in (
            (self.url, DOCUMENTED_URL),
            (str(self.data_dir), DOCUMENTED_DATA),
        ):
            text = text.replace(real, documented)
        return text

    def _start(self, command: list[str], timeout: float) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            command,
            cwd=self.directory,
            env={**os.environ, "PATH": path, "NO_COLOR": "1", **self.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
