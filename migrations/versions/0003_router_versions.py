"""Router versions with their lifecycle, shadow decisions, scores, and feedback."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _id(name: str, **options: bool) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), **options)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    _router_versions()
    _router_state()
    _shadow_decisions()
    op.create_table(
        "scores",
        _id("category", primary_key=True),
        _id("expert", primary_key=True),
        _id("source", primary_key=True),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("se", sa.Double(), nullable=False),
        _moment("updated_at"),
        sa.CheckConstraint("n >= 1 AND mean BETWEEN 0 AND 1 AND se >= 0", name="scores_check"),
    )
    _feedback()
    op.add_column(
        "tenants",
        sa.Column("store_content", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def _router_versions() -> None:
    op.create_table(
        "router_versions",
        _id("id", primary_key=True),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("artifact", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False, unique=True),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("embedder", sa.Text(), nullable=False),
        sa.Column("experts", postgresql.JSONB(), nullable=False),
        sa.Column("policies", postgresql.JSONB(), nullable=False),
        sa.Column("taxonomy", postgresql.JSONB(), nullable=False),
        sa.Column("scores", postgresql.JSONB(), nullable=False),
        sa.Column("report", postgresql.JSONB(none_as_null=True)),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("share", sa.Double()),
        sa.Column("note", sa.Text(), nullable=False, server_default=sa.text("''")),
        _moment("created_at"),
        sa.Column("created_by", sa.Text(), nullable=False),
        _moment("status_changed_at"),
        sa.Column("status_changed_by", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('candidate', 'shadow', 'canary', 'active', 'retired')",
            name="router_versions_status_check",
        ),
        sa.CheckConstraint(
            "(share IS NOT NULL) = (status IN ('shadow', 'canary')) "
            "AND (share IS NULL OR (share > 0 AND share <= 1))",
            name="router_versions_share_check",
        ),
    )
    # The bytes are as dense as they get: to try to compress them would only take time.
    op.execute("ALTER TABLE router_versions ALTER COLUMN artifact SET STORAGE EXTERNAL")
    for status in ("active", "canary", "shadow"):
        op.create_index(
            f"router_versions_one_{status}",
            "router_versions",
            ["status"],
            unique=True,
            postgresql_where=sa.text(f"status = '{status}'"),
        )


def _router_state() -> None:
    op.create_table(
        "router_state",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("previous", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("id = 1", name="router_state_id_check"),
    )
    op.execute("INSERT INTO router_state (id, revision, previous) VALUES (1, 0, '[]')")


def _shadow_decisions() -> None:
    op.create_table(
        "shadow_decisions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column(
            "version_id",
            sa.Text(collation="C"),
            sa.ForeignKey("router_versions.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("request_id", sa.Text(), nullable=False),
        _moment("decided_at"),
        sa.Column("live_version", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("live_category", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("live_expert", sa.Text(), nullable=False),
        sa.Column("expert", sa.Text(), nullable=False),
        sa.Column("live_cost_usd", sa.Double(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=False),
    )
    op.create_index("shadow_decisions_version", "shadow_decisions", ["version_id"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        _id("id", primary_key=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("rating", sa.Double()),
        sa.Column("corrected_category", sa.Text()),
        sa.Column("prefers_other", sa.Boolean(), nullable=False),
        sa.Column("preferred_answer", sa.Text()),
        _moment("created_at"),
        sa.UniqueConstraint("request_id", "key_id", name="feedback_once"),
        sa.CheckConstraint("rating BETWEEN -1 AND 1", name="feedback_rating_check"),
        sa.CheckConstraint(
            "rating IS NOT NULL OR corrected_category IS NOT NULL OR prefers_other",
            name="feedback_says_something",
        ),
    )
    op.create_index("feedback_started_at", "feedback", ["started_at"])


def downgrade() -> None:
    op.drop_column("tenants", "store_content")
    op.drop_table("feedback")
    op.drop_table("scores")
    op.drop_table("shadow_decisions")
    op.drop_table("router_state")
    op.drop_table("router_versions")
