"""Versions side by side: what a newer one did to the schema, and what migrations may do to an older one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, inspect, make_url, text

import migrations
from orchestrator.kit import database
from orchestrator.kit.database import migrate, newest_revision
from orchestrator.kit.errors import StartError

OLDEST = text("SELECT obj_description('alembic_version'::regclass)")


@pytest.fixture
def engine(postgres_server: str) -> Iterator[Engine]:
    """An engine on a database that is empty and no other test's."""
    server = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE upgraded"))
    engine = create_engine(make_url(postgres_server).set(database="upgraded"))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE upgraded WITH (FORCE)"))
    server.dispose()


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def downgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def columns(connection: Connection) -> dict[tuple[str, str], dict[str, Any]]:
    """Return all columns, by table and name."""
    found = inspect(connection)
    return {
        (table, column["name"]): dict(column)
        for table in found.get_table_names()
        for column in found.get_columns(table)
    }


def test_what_the_oldest_code_needs_is_still_there(engine: Engine) -> None:
    """Tables and columns of its time are as they were, and it need not know of those that came."""
    migrate(url_of(engine))
    with engine.begin() as connection:
        now = columns(connection)
        oldest = connection.scalar(OLDEST)
        assert oldest is not None
        downgrade(connection, oldest)
        then = columns(connection)
    tables = {table for table, _ in then}
    assert then.keys() <= now.keys()
    for place, column in now.items():
        if place in then:
            before = then[place]
            assert str(column["type"]) == str(before["type"]), place
            assert column["nullable"] or not before["nullable"], place
        elif place[0] in tables:
            given = column["default"] is not None or column.get("identity") is not None
            assert column["nullable"] or given, f"{place} must be given by code that knows it not"


def test_a_newer_schema_that_still_does_is_served(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(url_of(engine))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with caplog.at_level(logging.WARNING):
        assert migrate(url_of(engine)) == "9999"
    assert "9999, newer than" in caplog.text


def test_a_newer_schema_that_dropped_something_stops_the_start(engine: Engine) -> None:
    migrate(url_of(engine))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("COMMENT ON TABLE alembic_version IS '9998'"))
    with pytest.raises(StartError, match=r"9999.*newer"):
        migrate(url_of(engine))


def test_a_migration_does_not_hold_up_everybody_for_long(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a table that is in use, then gives up, and the data is as it was."""
    monkeypatch.setattr(database, "_LOCK_SECONDS", 1)
    migrate(url_of(engine))
    with engine.begin() as connection:
        downgrade(connection, "0006")
    with engine.begin() as holding:
        holding.execute(text("LOCK TABLE api_keys IN ACCESS SHARE MODE"))
        failed: list[StartError] = []

        def upgrade() -> None:
            try:
                migrate(url_of(engine))
            except StartError as error:
                failed.append(error)

        thread = threading.Thread(target=upgrade)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
    assert "lock timeout" in str(failed[0])
    assert migrate(url_of(engine)) == newest_revision()
