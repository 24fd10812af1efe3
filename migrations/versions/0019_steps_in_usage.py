"""Usage records keep the steps of requests that a strategy answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage", sa.Column("steps", postgresql.JSONB(none_as_null=True)))


def downgrade() -> None:
    op.drop_column("usage", "steps")
