"""The migration makes the tables that the code describes, and takes them away again."""

from __future__ import annotations

import importlib
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from experts.catalogue.tables import metadata


def _ours(item: Any, name: str | None, kind: str, *_: Any) -> bool:
    table = name if kind == "table" else item.table.name
    return table in metadata.tables


def test_the_schema_is_the_one_the_code_describes(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": _ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_downgrade_leaves_nothing_and_upgrade_starts_anew(postgres_url: str) -> None:
    migration = importlib.import_module("migrations.versions.0001_catalogue")
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            migration.downgrade()
            assert not set(metadata.tables) & set(sa.inspect(connection).get_table_names())
            leftover = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'expert_versions%'"
            assert connection.scalar(sa.text(leftover)) == 0
            migration.upgrade()
        assert connection.scalar(sa.text("SELECT revision FROM catalogue_state")) == 0
    engine.dispose()
