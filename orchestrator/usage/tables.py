"""The usage table, partitioned by day."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

usage = sa.Table(
    "usage",
    metadata,
    sa.Column("request_id", sa.Text, primary_key=True),
    sa.Column("started_at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("key_id", sa.Text),
    sa.Column("api", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("policy", sa.Text),
    sa.Column("category", sa.Text),
    sa.Column("confidence", sa.Double),
    sa.Column("expert", sa.Text),
    sa.Column("expert_version", sa.Integer),
    sa.Column("router_version", sa.Text),
    sa.Column("decision", JSONB(none_as_null=True)),
    sa.Column("status", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("streamed", sa.Boolean),
    sa.Column("prompt_tokens", sa.BigInteger),
    sa.Column("completion_tokens", sa.BigInteger),
    sa.Column("tokens_estimated", sa.Boolean),
    sa.Column("cached_tokens", sa.BigInteger),
    sa.Column("cache_write_tokens", sa.BigInteger),
    sa.Column("reasoning_tokens", sa.BigInteger),
    sa.Column("cost_nanos", sa.BigInteger),
    sa.Column("duration_ms", sa.Double),
    sa.Column("first_token_ms", sa.Double),
    sa.Column("attempts", JSONB(none_as_null=True)),
    sa.Column("guardrails", JSONB(none_as_null=True)),
    sa.Column("cache", sa.Text),
    sa.Column("saved_tokens", sa.BigInteger),
    sa.Column("saved_nanos", sa.BigInteger),
    sa.Column("session", sa.Text),
    sa.Column("timing", JSONB(none_as_null=True)),
    sa.Column("steps", JSONB(none_as_null=True)),
)

LISTED = tuple(column for column in usage.columns if column.name != "steps")
"""What is read of many requests at once: steps may be long, and are looked at one request at a time."""

request_texts = sa.Table(
    "request_texts",
    metadata,
    sa.Column("request_id", sa.Text(collation="C"), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index("request_texts_tenant", "tenant"),
)
"""What requests said, of tenants that opted in; erased when they opt out."""

request_contents = sa.Table(
    "request_contents",
    metadata,
    sa.Column("request_id", sa.Text(collation="C"), primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("answer", sa.Text),
    sa.Index("request_contents_tenant", "tenant", "request_id"),
)
"""Their messages as JSON, and what was answered where the tenant wants that too; both redacted."""
