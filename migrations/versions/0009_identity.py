"""What keys and tenants may use, rotated keys, people who sign in, the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_EVENTS = "'asked', 'done', 'refused', 'failed', 'noted'"
_ROLES = "'admin', 'editor', 'viewer', 'user'"


def upgrade() -> None:
    op.add_column("tenants", sa.Column("name", sa.Text, nullable=False, server_default=""))
    op.add_column("tenants", sa.Column("suspended_at", sa.DateTime(timezone=True)))
    op.add_column("tenants", sa.Column("experts", postgresql.JSONB))
    op.add_column("tenants", sa.Column("policies", postgresql.JSONB))
    op.add_column("api_keys", sa.Column("policies", postgresql.JSONB))
    op.add_column("api_keys", sa.Column("previous_hash", sa.LargeBinary, unique=True))
    op.add_column("api_keys", sa.Column("previous_until", sa.DateTime(timezone=True)))
    _people()
    _audit_log()


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Text(collation="C"), primary_key=True),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("issuer", "subject", name="people_once"),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column(
            "person",
            sa.Text(collation="C"),
            sa.ForeignKey("people.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"role IN ({_ROLES})", name="sessions_role"),
    )
    op.create_index("sessions_expires_at", "sessions", ["expires_at"])


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("actor_name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.Text, nullable=False, unique=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.CheckConstraint(f"event IN ({_EVENTS})", name="audit_log_event"),
    )
    op.create_index("audit_log_actor", "audit_log", ["actor", "number"])
    op.execute("""
        CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log is append-only';
        END $$
    """)
    op.execute("""
        CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()
    """)


def downgrade() -> None:
    op.drop_table("audit_log")
    op.execute("DROP FUNCTION audit_log_is_append_only()")
    op.drop_table("sessions")
    op.drop_table("people")
    for column in ("previous_until", "previous_hash", "policies"):
        op.drop_column("api_keys", column)
    for column in ("policies", "experts", "suspended_at", "name"):
        op.drop_column("tenants", column)
