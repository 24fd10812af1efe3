"""Limits and budgets of tenants and keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LIMITS = ("requests", "tokens", "concurrent", "day", "month")


def upgrade() -> None:
    op.create_table(
        "limits",
        sa.Column("tenant", sa.Text(), sa.ForeignKey("tenants.id"), nullable=False),
        # 'tenant', or the id of a key: ids of keys begin otherwise.
        sa.Column("scope", sa.Text(collation="C"), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in _LIMITS),
        sa.Column(
            "changed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "scope"),
        *(sa.CheckConstraint(f"{name} >= 0", name=f"limits_{name}_check") for name in _LIMITS),
    )
    op.create_index(
        "runs_tenant_open",
        "runs",
        ["tenant"],
        postgresql_where=sa.text("status NOT IN ('cancelled', 'failed', 'finished')"),
    )


def downgrade() -> None:
    op.drop_index("runs_tenant_open", "runs")
    op.drop_table("limits")
