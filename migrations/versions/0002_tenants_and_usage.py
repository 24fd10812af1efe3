"""Tenants, keys, and what each request cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("role IN ('admin', 'editor', 'viewer', 'user')", name="api_keys_role"),
    )
    # The key of a row follows from the request id alone, so writing it twice is harmless.
    op.execute("""
        CREATE TABLE usage (
            request_id text NOT NULL,
            started_at timestamptz NOT NULL,
            tenant text NOT NULL,
            key_id text NOT NULL,
            api text NOT NULL,
            model text NOT NULL,
            policy text,
            category text,
            confidence double precision,
            expert text,
            expert_version integer,
            router_version text,
            decision jsonb,
            status text NOT NULL CHECK (status IN ('ok', 'failed', 'cancelled', 'interrupted')),
            error_code text,
            streamed boolean NOT NULL,
            prompt_tokens bigint NOT NULL,
            completion_tokens bigint NOT NULL,
            tokens_estimated boolean NOT NULL,
            cost_nanos bigint NOT NULL,
            duration_ms double precision NOT NULL,
            first_token_ms double precision,
            PRIMARY KEY (request_id, started_at)
        ) PARTITION BY RANGE (started_at)
    """)
    op.create_index("usage_started_at", "usage", ["started_at", "request_id"])


def downgrade() -> None:
    op.drop_table("usage")
    op.drop_table("api_keys")
    op.drop_table("tenants")
