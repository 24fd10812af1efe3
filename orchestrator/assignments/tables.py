"""The table of assignments (Postgres). Its history is in ``migrations/``."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

assignments = sa.Table(
    "strategy_assignments",
    metadata,
    sa.Column("id", sa.Text(collation="C"), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("updated_by", sa.Text, nullable=False),
    sa.UniqueConstraint("tenant", "policy", "category", name="strategy_assignments_once"),
)
"""``*`` in ``tenant``, ``policy`` or ``category`` stands for any."""
