"""What was used before there were sums is counted when they are made."""

from __future__ import annotations

import importlib

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.usage.sums import tables
from tests.integration.usage.conftest import record, store


async def test_rows_that_are_there_are_counted(engine: AsyncEngine, postgres_url: str) -> None:
    cut = record("2026-03-10T14:01", status="interrupted", expert="ada")
    await store(engine, record("2026-03-10T14:00", expert="ada", cost_nanos=5), cut)
    await store(engine, record("2026-03-10T14:01", request_id=cut.request_id, expert="bo"))
    await engine.dispose()
    migration = importlib.import_module("migrations.versions.0016_usage_sums")
    query = sa.text(
        "SELECT expert, sum(requests), sum(ok), sum(cost_nanos) FROM usage_news GROUP BY 1"
        " HAVING sum(requests) <> 0 ORDER BY 1"
    )
    sync = sa.create_engine(postgres_url)
    with sync.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        before = connection.execute(query).all()
        migration.downgrade()
        assert not sa.inspect(connection).has_table("usage_news")
        migration.upgrade()
        assert connection.execute(query).all() == before == [("ada", 1, 1, 5), ("bo", 1, 1, 0)]
    sync.dispose()


def test_the_tables_are_those_the_code_describes(postgres_url: str) -> None:
    described = tables.metadata.tables

    def ours(item: sa.Table | sa.Column[object], name: str, kind: str, *_: object) -> bool:
        table = name if kind == "table" else getattr(item, "table", item).name
        return kind in {"table", "column"} and table in described

    engine = sa.create_engine(postgres_url)
    with engine.connect() as connection:
        options = {"compare_type": True, "include_object": ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()
