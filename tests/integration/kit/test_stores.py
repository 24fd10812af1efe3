"""The embedded stores on real processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from redis import Redis
from sqlalchemy import create_engine, make_url, text

import migrations
from orchestrator.kit.database import migrate, newest_revision
from orchestrator.kit.errors import StartError
from orchestrator.kit.stores.lock import DirectoryLock
from orchestrator.kit.stores.postgres import EmbeddedPostgres
from orchestrator.kit.stores.valkey import EmbeddedValkey


def test_valkey_keeps_every_acknowledged_write_when_killed(scratch: Path) -> None:
    directory = scratch / "valkey-killed"
    first = EmbeddedValkey(directory)
    client = Redis.from_url(first.start())
    for number in range(500):
        client.rpush("list", number)
    assert first._process is not None
    os.kill(first._process.pid, signal.SIGKILL)
    client.close()
    second = EmbeddedValkey(directory)
    client = Redis.from_url(second.start())
    assert client.llen("list") == 500
    client.close()
    first.stop()
    second.stop()


def test_valkey_left_over_by_a_killed_service_is_replaced(scratch: Path) -> None:
    directory = scratch / "valkey-leftover"
    orphan = EmbeddedValkey(directory)
    Redis.from_url(orphan.start()).set("kept", "yes")
    assert orphan._process is not None
    old = orphan._process
    successor = EmbeddedValkey(directory)
    client = Redis.from_url(successor.start())
    assert old.wait(5) == 0
    assert client.get("kept") == b"yes"
    client.close()
    successor.stop()


def test_a_directory_has_one_server(tmp_path: Path) -> None:
    with DirectoryLock(tmp_path), pytest.raises(StartError, match=str(os.getpid())):
        DirectoryLock(tmp_path).__enter__()
    with DirectoryLock(tmp_path):
        pass


def test_postgres_is_taken_over_and_stopped_for_good(scratch: Path) -> None:
    directory = scratch / "postgres-adopted"
    orphan = EmbeddedPostgres(directory)
    url = orphan.start()
    pid = orphan._server.get_pid()
    type(orphan._server)._instances.clear()  # as in a new process
    successor = EmbeddedPostgres(directory)
    assert successor.start() == url
    assert successor._server.get_pid() == pid
    successor.stop()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_migrating_twice_changes_nothing(postgres_url: str) -> None:
    assert migrate(postgres_url) == migrate(postgres_url)


def test_migrations_are_numbered_in_their_order(postgres_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)
    assert newest_revision() == scripts.get_current_head() == migrate(postgres_url)


def test_a_failed_migration_is_rolled_back_whole(postgres_server: str) -> None:
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE half_made"))
    engine.dispose()
    url = make_url(postgres_server).set(database="half_made").render_as_string(hide_password=False)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE usage (in_the_way int)"))
    with pytest.raises(StartError, match=r"rolled back.*version of the service"):
        migrate(url)
    with engine.connect() as connection:
        tables = connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        assert list(tables) == ["usage"]
    engine.dispose()


def test_an_unreachable_postgres_is_said_in_one_sentence() -> None:
    with pytest.raises(StartError, match="DATABASE_URL"):
        migrate("postgresql+psycopg://nobody@127.0.0.1:9/nothing")
