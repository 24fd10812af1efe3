"""Tables of tenants and keys."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("content_level", sa.Text, server_default="off"),
    sa.Column("content_days", sa.Integer),
    sa.Column("content_patterns", JSONB(none_as_null=True)),
    sa.Column("name", sa.Text, server_default=""),
    sa.Column("suspended_at", sa.DateTime(timezone=True)),
    sa.Column("experts", JSONB(none_as_null=True)),
    sa.Column("policies", JSONB(none_as_null=True)),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.id")),
    sa.Column("name", sa.Text),
    sa.Column("prefix", sa.Text),
    sa.Column("hash", sa.LargeBinary),
    sa.Column("role", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("created_by", sa.Text),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("revoked_at", sa.DateTime(timezone=True)),
    sa.Column("experts", JSONB(none_as_null=True)),
    sa.Column("policies", JSONB(none_as_null=True)),
    sa.Column("previous_hash", sa.LargeBinary),
    sa.Column("previous_until", sa.DateTime(timezone=True)),
    sa.Column("last_used_at", sa.DateTime(timezone=True)),
)

people = sa.Table(
    "people",
    metadata,
    sa.Column("id", sa.Text(collation="C"), primary_key=True),
    sa.Column("issuer", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("seen_at", sa.DateTime(timezone=True)),
)
"""Who has signed in at an identity provider."""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("id", sa.Text(collation="C")),
    sa.Column("person", sa.Text(collation="C"), sa.ForeignKey("people.id")),
    sa.Column("key_id", sa.Text, sa.ForeignKey("api_keys.id")),
    sa.Column("key_hash", sa.LargeBinary),
    sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.id")),
    sa.Column("role", sa.Text),
    sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("last_used_at", sa.DateTime(timezone=True)),
    sa.Column("address", sa.Text),
    sa.Column("agent", sa.Text),
)
"""Of a person, or of a key: then it lasts no longer than the secret that it was begun with (``key_hash``).

What the key is and may do is looked up there; ``tenant`` and ``role`` only tell what they were.
"""
