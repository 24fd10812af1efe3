"""Tables of router versions (Postgres). Their history is in ``migrations/``."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

_id = sa.Text(collation="C")  # bytewise, so that pages are ordered alike everywhere
_moment = sa.DateTime(timezone=True)


def _one(status: str) -> sa.Index:
    return sa.Index(
        f"router_versions_one_{status}",
        "status",
        unique=True,
        postgresql_where=sa.text(f"status = '{status}'"),
    )


router_versions = sa.Table(
    "router_versions",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("artifact", sa.LargeBinary, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False, unique=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("embedder", sa.Text, nullable=False),
    sa.Column("experts", JSONB, nullable=False),
    sa.Column("policies", JSONB, nullable=False),
    sa.Column("taxonomy", JSONB, nullable=False),
    sa.Column("scores", JSONB, nullable=False),
    sa.Column("report", JSONB(none_as_null=True)),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("share", sa.Double),
    sa.Column("note", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("created_at", _moment, nullable=False, server_default=sa.func.now()),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("status_changed_at", _moment, nullable=False, server_default=sa.func.now()),
    sa.Column("status_changed_by", sa.Text, nullable=False),
    _one("active"),
    _one("canary"),
    _one("shadow"),
)
"""One row a version; at most one of them is active, one a canary, one a shadow."""

router_state = sa.Table(
    "router_state",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Column("previous", JSONB, nullable=False),
)
"""One row. Its revision grows with every change of a status, its lock makes writers take turns, and
``previous`` holds what was active before, the latest last."""

shadow_decisions = sa.Table(
    "shadow_decisions",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column(
        "version_id", _id, sa.ForeignKey("router_versions.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("decided_at", _moment, nullable=False, server_default=sa.func.now()),
    sa.Column("live_version", sa.Text, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("live_category", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("live_expert", sa.Text, nullable=False),
    sa.Column("expert", sa.Text, nullable=False),
    sa.Column("live_cost_usd", sa.Double, nullable=False),
    sa.Column("cost_usd", sa.Double, nullable=False),
    sa.Index("shadow_decisions_version", "version_id"),
)
"""What a shadow version would have decided beside what was decided. Never holds any text."""
