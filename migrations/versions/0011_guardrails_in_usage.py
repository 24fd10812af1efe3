"""What guardrails said of a request, and a status of its own for one that they blocked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage", sa.Column("guardrails", postgresql.JSONB(none_as_null=True)))
    # Records are held to their statuses where they are read. To check a longer list here, the whole
    # table would have to be read again with everybody waiting for it.
    op.drop_constraint("usage_status_check", "usage")


def downgrade() -> None:
    op.execute("UPDATE usage SET status = 'failed' WHERE status = 'blocked'")
    op.create_check_constraint(
        "usage_status_check",
        "usage",
        "status IN ('ok', 'failed', 'cancelled', 'interrupted')",
    )
    op.drop_column("usage", "guardrails")
