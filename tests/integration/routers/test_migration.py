"""The migration makes the tables that the code describes, and takes them away again."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from orchestrator.feedback.tables import metadata as feedback
from orchestrator.routers.tables import metadata as routers

NAMES = {*routers.tables, *feedback.tables}


@pytest.mark.parametrize("metadata", [routers, feedback], ids=["routers", "feedback"])
def test_the_schema_is_the_one_the_code_describes(postgres_url: str, metadata: sa.MetaData) -> None:
    def ours(item: Any, name: str | None, kind: str, *_: Any) -> bool:
        return (name if kind == "table" else item.table.name) in metadata.tables

    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "include_object": ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_what_came_later_can_be_taken_away(postgres_url: str) -> None:
    migration = importlib.import_module("migrations.versions.0004_key_experts_and_texts")
    engine = sa.create_engine(postgres_url)

    def there() -> list[bool]:
        inspector = sa.inspect(connection)
        inspector.clear_cache()
        columns = {
            t: {c["name"] for c in inspector.get_columns(t)} for t in ("api_keys", "feedback")
        }
        return [
            "experts" in columns["api_keys"],
            "preferred_request" in columns["feedback"],
            inspector.has_table("request_texts"),
        ]

    with engine.begin() as connection:
        assert there() == [True] * 3
        with Operations.context(MigrationContext.configure(connection)):
            migration.downgrade()
            assert there() == [False] * 3
            migration.upgrade()
            assert there() == [True] * 3
    engine.dispose()


def test_tenants_that_opted_in_before_there_were_levels_keep_their_choice(
    postgres_url: str,
) -> None:
    migration = importlib.import_module("migrations.versions.0008_usage_details")
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        migration.downgrade()
        rows = "INSERT INTO tenants (id, store_content) VALUES ('one', true), ('two', false)"
        connection.execute(sa.text(rows))
        migration.upgrade()
        levels = connection.execute(sa.text("SELECT id, content_level FROM tenants ORDER BY id"))
        assert [tuple(row) for row in levels] == [("one", "prompts"), ("two", "off")]
        migration.downgrade()
        stored = connection.scalar(sa.text("SELECT store_content FROM tenants WHERE id = 'one'"))
        assert stored is True
        migration.upgrade()
    engine.dispose()


def test_downgrade_leaves_nothing_and_upgrade_starts_anew(postgres_url: str) -> None:
    migration = importlib.import_module("migrations.versions.0003_router_versions")
    later = importlib.import_module("migrations.versions.0008_usage_details")
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            later.downgrade()
            migration.downgrade()
            inspector = sa.inspect(connection)
            assert not NAMES & set(inspector.get_table_names())
            assert "store_content" not in {c["name"] for c in inspector.get_columns("tenants")}
            migration.upgrade()
            later.upgrade()
        assert connection.scalar(sa.text("SELECT revision FROM router_state")) == 0
    engine.dispose()
