"""What tenants want of caches, and which requests were answered from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cache_choices",
        sa.Column("tenant", sa.Text(collation="C"), sa.ForeignKey("tenants.id"), primary_key=True),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("sampled", sa.Boolean(), nullable=False),
        sa.Column("similar", sa.Boolean(), nullable=False),
        sa.Column("wrong", sa.Double(), nullable=False),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.CheckConstraint("mode IN ('off', 'asked', 'on')", name="cache_choices_mode_check"),
        sa.CheckConstraint("seconds > 0", name="cache_choices_seconds_check"),
        sa.CheckConstraint("wrong > 0 AND wrong < 1", name="cache_choices_wrong_check"),
    )
    # Without defaults: rows are neither read nor written anew.
    op.add_column("usage", sa.Column("cache", sa.Text()))
    op.add_column("usage", sa.Column("saved_tokens", sa.BigInteger()))
    op.add_column("usage", sa.Column("saved_nanos", sa.BigInteger()))


def downgrade() -> None:
    for name in ("saved_nanos", "saved_tokens", "cache"):
        op.drop_column("usage", name)
    op.drop_table("cache_choices")
