"""The async engine on Postgres, and migrations at start.

Replicas of two versions run side by side while one is replaced by the other. So a migration only adds
(expands); what the version before needs is dropped by a later one (contracts), which names as ``oldest_code``
the oldest revision whose code does without. The schema carries the highest of them, and code that does not
know its revision goes by that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from orchestrator.kit.errors import StartError

_MIGRATION_LOCK = 0x636F65  # "coe": the advisory lock every starting replica queues at
_LOCK_SECONDS = 10
"""A migration that waits for a table lets everybody else wait for it too; so it gives up in time."""
_OLDEST_CODE = "0010"
"""Nothing older than this has ever run beside a newer version."""

log = logging.getLogger(__name__)


def make_engine(url: str) -> AsyncEngine:
    """Return an async engine; nothing is connected yet.

    Args:
        url: ``postgresql+psycopg://...``.
    """
    return create_async_engine(
        url, pool_size=5, max_overflow=10, pool_pre_ping=True, pool_timeout=10
    )


def migrate(url: str) -> str:
    """Bring the schema to this version of the code, one replica at a time.

    Returns:
        The revision the schema is at now.

    Raises:
        StartError: If Postgres cannot be reached, the schema is newer than the code can do with, or a
            migration fails (it is rolled back whole); each says what to do.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            head = newest_revision()
            # Alembic takes half a second to import: not to be spent where nothing is to do.
            return head if _revision(connection) == head else _upgrade(connection)
    except exc.OperationalError as error:
        raise _unreachable(error) from error
    except exc.SQLAlchemyError as error:
        raise StartError(
            f"A migration failed and was rolled back ({_first_line(error)}). The data is as it was: "
            "mend the cause, or go back to the version of the service that ran before."
        ) from error
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Which revision a database is at, and which this version of the code needs."""

    revision: str | None
    needed: str

    @property
    def current(self) -> bool:
        """Whether they are the same."""
        return self.revision == self.needed


def schema_status(url: str) -> SchemaStatus:
    """Return where the schema is.

    Raises:
        StartError: If Postgres cannot be reached.
    """
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return SchemaStatus(_revision(connection), newest_revision())
    except exc.OperationalError as error:
        raise _unreachable(error) from error
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> str:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import migrations

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(config)
    current = _revision(connection)
    known = {one.revision: one.module for one in scripts.walk_revisions()}
    if current is not None and current not in known:
        return _newer(current, _oldest_code(connection), max(known))
    connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
    command.upgrade(config, "head")
    oldest = max(getattr(module, "oldest_code", _OLDEST_CODE) for module in known.values())
    connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{oldest}'"))
    return max(known)


def _newer(current: str, oldest: str | None, own: str) -> str:
    """Return the revision of a schema that a newer version has upgraded, if this one still works with it."""
    if oldest is None or own < oldest:
        raise StartError(
            f"The database schema is at revision {current}, which this version of the service does not know: "
            "it was upgraded by a newer one. Run that version, or restore a backup from before."
        )
    log.warning("the schema is at revision %s, newer than %s, and still works", current, own)
    return current


def _oldest_code(connection: Connection) -> str | None:
    """Return the oldest revision whose code works with the schema, from the comment that says so."""
    found: str | None = connection.scalar(
        text("SELECT obj_description('alembic_version'::regclass)")
    )
    return found


def newest_revision() -> str:
    """Return the revision this version of the code needs: its migrations are numbered in order."""
    import migrations.versions

    names = [path.name for path in Path(migrations.versions.__path__[0]).glob("[0-9]*.py")]
    return max(names).partition("_")[0]


def _revision(connection: Connection) -> str | None:
    """Return the revision a database is at, from where Alembic notes it."""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _unreachable(error: Exception) -> StartError:
    return StartError(
        f"Postgres cannot be reached ({_first_line(error)}). Check DATABASE_URL and that the server runs."
    )


def _first_line(error: Exception) -> str:
    original: Any = getattr(error, "orig", None) or error
    return str(original).strip().splitlines()[0]
