"""What kinds of jobs keep while they work, and who does a scheduled task at the moment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "jobs", sa.Column("again", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "jobs", sa.Column("losses", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    for name in ("work", "kept", "result"):
        op.add_column("jobs", sa.Column(name, postgresql.JSONB()))
    op.add_column("schedule", sa.Column("every", sa.Double()))
    op.add_column("schedule", sa.Column("holder", sa.Text()))
    for name in ("lease_until", "wanted_at"):
        op.add_column("schedule", sa.Column(name, sa.DateTime(timezone=True)))


def downgrade() -> None:
    for name in ("wanted_at", "lease_until", "holder", "every"):
        op.drop_column("schedule", name)
    for name in ("result", "kept", "work", "losses", "again"):
        op.drop_column("jobs", name)
