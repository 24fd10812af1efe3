"""What usage records say of tokens and calls; what tenants let be kept of what is said, and how long."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TOKENS = ("cached_tokens", "cache_write_tokens", "reasoning_tokens")


def upgrade() -> None:
    for name in _TOKENS:
        op.add_column("usage", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
        op.add_column(
            "run_steps", sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        )
    op.add_column(
        "run_steps",
        sa.Column("tokens_estimated", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("run_steps", sa.Column("expert_version", sa.Integer))
    op.add_column("usage", sa.Column("attempts", postgresql.JSONB(none_as_null=True)))
    op.create_index("usage_tenant", "usage", ["tenant", "started_at", "request_id"])
    _content()


def _content() -> None:
    op.add_column(
        "tenants", sa.Column("content_level", sa.Text, nullable=False, server_default="off")
    )
    op.add_column("tenants", sa.Column("content_days", sa.Integer))
    op.add_column("tenants", sa.Column("content_patterns", postgresql.JSONB(none_as_null=True)))
    op.create_check_constraint(
        "tenants_content_level", "tenants", "content_level IN ('off', 'prompts', 'all')"
    )
    op.execute("UPDATE tenants SET content_level = 'prompts' WHERE store_content")
    op.drop_column("tenants", "store_content")
    # Ids carry their time and sort by it, so age needs no column of its own.
    op.create_table(
        "request_contents",
        sa.Column("request_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("answer", sa.Text),
    )
    op.create_index("request_contents_tenant", "request_contents", ["tenant", "request_id"])


def downgrade() -> None:
    op.drop_table("request_contents")
    op.add_column(
        "tenants",
        sa.Column("store_content", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.execute("UPDATE tenants SET store_content = content_level <> 'off'")
    for name in ("content_patterns", "content_days", "content_level"):
        op.drop_column("tenants", name)
    op.drop_index("usage_tenant", "usage")
    for name in ("expert_version", "tokens_estimated", *_TOKENS):
        op.drop_column("run_steps", name)
    for name in ("attempts", *_TOKENS):
        op.drop_column("usage", name)
