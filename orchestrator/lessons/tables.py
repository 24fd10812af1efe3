"""The table of lessons (Postgres). Its history is in ``migrations/``."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

lessons = sa.Table(
    "lessons",
    metadata,
    sa.Column("id", sa.Text(collation="C"), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("task", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("warning", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.UniqueConstraint("tenant", "category", "digest", name="lessons_once"),
)
"""One row a task: what its last run taught counts. Ids rise with time."""
