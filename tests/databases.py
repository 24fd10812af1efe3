"""Migrated databases for tests: emptied between two of them, which takes a hundredth of making one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from sqlalchemy import Connection, create_engine, make_url, text

from orchestrator.kit.database import migrate

_TEMPLATE = "template_coe"
_RELAXED = ("fsync", "full_page_writes", "synchronous_commit")
"""What only matters if the machine itself crashes."""

_TABLES = text("""
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
      AND tablename <> 'alembic_version'
""")
_SEQUENCES = text("""
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences
""")
_SHAPE = text("""
    SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
        SELECT concat_ws(' ', attrelid::regclass, attname, atttypid, attnotnull) AS line
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0
        UNION ALL
        SELECT concat_ws(' ', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        UNION ALL
        SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL
        SELECT version_num FROM alembic_version
    ) AS lines
""")
_OTHERS = text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
""")


@dataclass
class Databases:
    """Lends databases of one server, each as migrations leave it.

    Args:
        server: URL of the server, as a superuser.
    """

    server: str
    _free: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    _shape: str = ""
    _tables: set[str] = field(default_factory=set)
    _seeds: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Make the template of all others."""
        with _connected(self.server) as connection:
            for setting in _RELAXED:
                connection.execute(text(f"ALTER SYSTEM SET {setting} TO off"))
            connection.execute(text("SELECT pg_reload_conf()"))
            connection.execute(text(f"CREATE DATABASE {_TEMPLATE}"))
        template = _named(self.server, _TEMPLATE)
        migrate(template)
        with _connected(template) as connection:
            self._shape = connection.execute(_SHAPE).scalar_one()
            self._tables = set(connection.execute(_TABLES).scalars())
            for table in self._tables:
                rows = text(f"SELECT json_agg(t)::text FROM {table} AS t")
                if (found := connection.execute(rows).scalar_one()) is not None:
                    self._seeds[table] = found

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Yield the URL of a database that nobody else has."""
        name = self._free.pop() if self._free else self._made()
        url = _named(self.server, name)
        try:
            yield url
        finally:
            if self._emptied(url):
                self._free.append(name)
            else:  # a test has changed the schema
                with _connected(self.server) as connection:
                    connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    def _made(self) -> str:
        name = f"test_{next(self._numbers)}"
        with _connected(self.server) as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}"))
        return name

    def _emptied(self, url: str) -> bool:
        """Make a database what it was at first; return whether that is what it is."""
        with _connected(url) as connection:
            connection.execute(_OTHERS)
            tables = set(connection.execute(_TABLES).scalars())
            made = tables - self._tables
            if made:  # partitions
                connection.execute(text(f"DROP TABLE {', '.join(made)} CASCADE"))
            if connection.execute(_SHAPE).scalar_one() != self._shape:
                return False
            emptied = "".join(f"DELETE FROM {name};" for name in tables - made)
            # Without triggers, so in any order.
            connection.execute(text(f"SET session_replication_role TO replica; {emptied}"))
            connection.execute(_SEQUENCES)
            for table, rows in self._seeds.items():
                seeds = f"json_populate_recordset(NULL::{table}, CAST(:rows AS json))"
                again = text(f"INSERT INTO {table} SELECT * FROM {seeds}")
                connection.execute(again, {"rows": rows})
        return True


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
