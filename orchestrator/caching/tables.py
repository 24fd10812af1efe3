"""The table of what tenants want of caches."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

choices = sa.Table(
    "cache_choices",
    metadata,
    sa.Column("tenant", sa.Text(collation="C"), primary_key=True),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("sampled", sa.Boolean, nullable=False),
    sa.Column("similar", sa.Boolean, nullable=False),
    sa.Column("wrong", sa.Double, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("changed_by", sa.Text, nullable=False),
)
