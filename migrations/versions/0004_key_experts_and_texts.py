"""Which experts a key may use, texts of requests for training, and preferred requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("experts", postgresql.JSONB(none_as_null=True)))
    op.create_table(
        "request_texts",
        sa.Column("request_id", sa.Text(collation="C"), primary_key=True),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_index("request_texts_tenant", "request_texts", ["tenant"])
    op.add_column("feedback", sa.Column("preferred_request", sa.Text(collation="C")))


def downgrade() -> None:
    op.drop_column("feedback", "preferred_request")
    op.drop_table("request_texts")
    op.drop_column("api_keys", "experts")
