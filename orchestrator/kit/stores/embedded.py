"""Starts and stops what the settings leave to us."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.kit.stores.lock import DirectoryLock
from orchestrator.kit.stores.postgres import EmbeddedPostgres
from orchestrator.kit.stores.valkey import EmbeddedValkey, answers

_LONGEST_PATH = 75
"""Bytes; a socket's whole path may have 103 on every system, and ours add 24."""


@dataclass(frozen=True, slots=True)
class StoreUrls:
    """Where Postgres and Redis are, embedded or not."""

    postgres: str
    redis: str
    exclusive: bool
    """Whether no other process of the service can be using these stores."""


@contextmanager
def running_stores(
    settings: Settings, meanwhile: Callable[[], None] = lambda: None
) -> Iterator[StoreUrls]:
    """Lock the data directory, start what is embedded, and stop it at the end.

    Args:
        settings: Say which stores are embedded, and where.
        meanwhile: Work that can be done while they start.

    Raises:
        StartError: If the directory is in use or a store does not come up.
    """
    with ExitStack() as stack:
        _make_directory(settings)
        if settings.embedded_postgres or settings.embedded_redis:
            stack.enter_context(DirectoryLock(settings.data_dir))
        postgres = EmbeddedPostgres(settings.data_dir / "postgres")
        valkey = EmbeddedValkey(settings.data_dir / "valkey")
        stack.callback(postgres.stop)
        stack.callback(valkey.stop)
        with ThreadPoolExecutor(2) as pool:
            redis_url = None if settings.redis_url else pool.submit(valkey.start)
            postgres_url = None if settings.database_url else pool.submit(postgres.start)
            meanwhile()
        yield StoreUrls(
            postgres=postgres_url.result() if postgres_url else _psycopg(settings),
            redis=redis_url.result() if redis_url else _given(settings.redis_url),
            exclusive=settings.embedded_postgres and settings.embedded_redis,
        )


def attached_stores(settings: Settings) -> StoreUrls | None:
    """Return where the stores are that run already, without starting, locking or stopping anything.

    Returns:
        ``None`` if an embedded one does not run.
    """
    directory = settings.data_dir
    postgres = _running_postgres(directory / "postgres") if settings.embedded_postgres else None
    socket = (directory / "valkey" / "valkey.sock").absolute()
    valkey = f"unix://{socket}" if settings.embedded_redis and answers(socket) else None
    missing = (settings.embedded_postgres and postgres is None) or (
        settings.embedded_redis and valkey is None
    )
    if missing:
        return None
    return StoreUrls(
        postgres=postgres or _psycopg(settings),
        redis=valkey or _given(settings.redis_url),
        exclusive=False,
    )


def _running_postgres(directory: Path) -> str | None:
    """Return the URL of the Postgres that runs on a directory, from the file in which it says so.

    Its lines are described at https://www.postgresql.org/docs/current/storage-file-layout.html.
    """
    try:
        lines = (directory / "postmaster.pid").read_text().splitlines()
        pid, socket_directory, state = int(lines[0]), lines[4].strip(), lines[7].strip()
    except (OSError, ValueError, IndexError):
        return None
    if state != "ready" or not psutil.pid_exists(pid):
        return None
    return f"postgresql+psycopg://postgres:@/postgres?host={socket_directory}"


def _make_directory(settings: Settings) -> None:
    if len(os.fsencode(settings.data_dir.absolute())) > _LONGEST_PATH:
        raise StartError(
            f"The data directory {settings.data_dir} has too long a name for the unix sockets in it: "
            f"at most {_LONGEST_PATH} bytes. Set COE_DATA_DIR to a shorter one."
        )
    try:
        settings.data_dir.mkdir(
            parents=True, exist_ok=True, mode=0o755 if os.geteuid() == 0 else 0o700
        )
    except OSError as error:
        raise StartError(
            f"The data directory {settings.data_dir} cannot be made ({error.strerror}). Set COE_DATA_DIR."
        ) from error


def _given(secret: object) -> str:
    value: str = secret.get_secret_value()  # type: ignore[attr-defined]  # only called where it is set
    return value


def _psycopg(settings: Settings) -> str:
    url = _given(settings.database_url)
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url
