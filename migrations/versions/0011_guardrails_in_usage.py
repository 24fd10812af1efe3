"""What guardrails said of a request, and a status of its own for one that they blocked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_STATUSES = "'ok', 'failed', 'cancelled', 'interrupted'"


def upgrade() -> None:
    op.add_column("usage", sa.Column("guardrails", postgresql.JSONB(none_as_null=True)))
    _allow(f"{_STATUSES}, 'blocked'")


def downgrade() -> None:
    op.execute("UPDATE usage SET status = 'failed' WHERE status = 'blocked'")
    _allow(_STATUSES)
    op.drop_column("usage", "guardrails")


def _allow(statuses: str) -> None:
    op.drop_constraint("usage_status_check", "usage")
    # Not valid: what is there keeps the rule already, and a long table need not be read to know it.
    op.execute(
        "ALTER TABLE usage ADD CONSTRAINT usage_status_check "
        f"CHECK (status IN ({statuses})) NOT VALID"
    )
