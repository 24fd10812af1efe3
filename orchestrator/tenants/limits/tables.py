"""The table of limits."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

limits = sa.Table(
    "limits",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text(collation="C"), primary_key=True),
    sa.Column("requests", sa.BigInteger),
    sa.Column("tokens", sa.BigInteger),
    sa.Column("concurrent", sa.BigInteger),
    sa.Column("day", sa.BigInteger),
    sa.Column("month", sa.BigInteger),
    sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("changed_by", sa.Text),
)
"""``scope`` is ``tenant`` or the id of a key; ``day`` and ``month`` are billionths of a US dollar."""
