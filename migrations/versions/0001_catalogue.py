"""The catalogue: experts, their immutable versions, its revision, encrypted secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_REFUSE = """
CREATE FUNCTION expert_versions_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'expert_versions is immutable: % refused', TG_OP
        USING ERRCODE = 'restrict_violation', HINT = 'A change is a new version.';
END
$$
"""
_TRIGGER = """
CREATE TRIGGER expert_versions_immutable BEFORE UPDATE OR DELETE ON expert_versions
    FOR EACH ROW EXECUTE FUNCTION expert_versions_refuse_change()
"""


def _id(name: str, *arguments: object, **options: bool) -> sa.Column[str]:
    return sa.Column(name, sa.String(64, collation="C"), *arguments, **options)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())


def upgrade() -> None:
    op.create_table(
        "experts",
        _id("id", primary_key=True),
        sa.Column("head_version", sa.Integer(), nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.Column("retired_by", sa.String(200)),
    )
    op.create_table(
        "expert_versions",
        _id("expert_id", sa.ForeignKey("experts.id"), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("spec", postgresql.JSONB(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        _moment("created_at"),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("comment", sa.String(1000), nullable=False, server_default=sa.text("''")),
        sa.CheckConstraint("version >= 1", name="expert_versions_version_check"),
    )
    op.create_foreign_key(
        "experts_head_fkey",
        "experts",
        "expert_versions",
        ["id", "head_version"],
        ["expert_id", "version"],
        deferrable=True,
        initially="DEFERRED",
    )
    op.execute(_REFUSE)
    op.execute(_TRIGGER)
    op.create_table(
        "catalogue_state",
        sa.Column("id", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="catalogue_state_id_check"),
    )
    op.execute("INSERT INTO catalogue_state (id, revision) VALUES (1, 0)")
    op.create_table(
        "secrets",
        _id("name", primary_key=True),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        _moment("updated_at"),
        sa.Column("updated_by", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("secrets")
    op.drop_table("catalogue_state")
    op.drop_constraint("experts_head_fkey", "experts", type_="foreignkey")
    op.drop_table("expert_versions")
    op.execute("DROP FUNCTION expert_versions_refuse_change()")
    op.drop_table("experts")
