"""Sessions of keys beside those of people, when keys and sessions were last used, and the audit log by time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    # Ids are given here too: a replica of the version before begins sessions without one.
    given = sa.text("'ses_' || replace(gen_random_uuid()::text, '-', '')")
    op.add_column(
        "sessions", sa.Column("id", sa.Text(collation="C"), nullable=False, server_default=given)
    )
    op.create_unique_constraint("sessions_id", "sessions", ["id"])
    key = sa.ForeignKey("api_keys.id", ondelete="CASCADE", name="sessions_key_id_fkey")
    op.add_column("sessions", sa.Column("key_id", sa.Text(), key))
    op.add_column("sessions", sa.Column("key_hash", sa.LargeBinary()))
    op.add_column(
        "sessions",
        sa.Column(
            "started_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
    )
    op.add_column("sessions", sa.Column("last_used_at", sa.DateTime(timezone=True)))
    for name in ("address", "agent"):
        op.add_column("sessions", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.alter_column("sessions", "person", nullable=True)
    op.create_check_constraint(
        "sessions_of_one",
        "sessions",
        "(person IS NULL) <> (key_id IS NULL) AND (key_id IS NULL) = (key_hash IS NULL)",
    )
    op.create_index("sessions_key_id", "sessions", ["key_id"])
    op.create_index("sessions_person", "sessions", ["person"])
    op.create_index("audit_log_at", "audit_log", ["at"])


def downgrade() -> None:
    op.drop_index("audit_log_at", "audit_log")
    op.execute("DELETE FROM sessions WHERE person IS NULL")
    op.drop_constraint("sessions_of_one", "sessions")
    op.alter_column("sessions", "person", nullable=False)
    op.drop_index("sessions_person", "sessions")
    for name in ("agent", "address", "last_used_at", "started_at", "key_hash", "key_id", "id"):
        op.drop_column("sessions", name)
    op.drop_column("api_keys", "last_used_at")
