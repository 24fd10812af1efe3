"""Runs with their steps, and webhooks with their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATES = "'queued', 'running', 'waiting', 'finished', 'failed', 'cancelled'"


def _id(name: str, **options: bool) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), **options)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''"))


def _number(name: str, kind: sa.types.TypeEngine[object] | None = None) -> sa.Column[object]:
    return sa.Column(name, kind or sa.Integer(), nullable=False, server_default=sa.text("0"))


def _moment(name: str, *, now: bool = False) -> sa.Column[object]:
    default = sa.func.now() if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not now, server_default=default)


def upgrade() -> None:
    _runs()
    _steps()
    _webhooks()


def _runs() -> None:
    op.create_table(
        "runs",
        _id("id", primary_key=True),
        sa.Column("tenant", sa.Text(), sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False, unique=True),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("request", postgresql.JSONB(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("webhook", sa.Text()),
        _moment("created_at", now=True),
        _moment("queued_at", now=True),
        _moment("started_at"),
        _moment("finished_at"),
        _moment("waiting_since"),
        _number("waited", sa.Double()),
        sa.Column("worker", sa.Text()),
        _moment("lease_until"),
        _number("epoch"),
        _number("progress"),
        _number("stalls"),
        sa.Column("cancelling", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("answer", sa.Text()),
        sa.Column("stopped", sa.Text()),
        sa.Column("verified", sa.Boolean()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("last_event", sa.Integer()),
        sa.Column("replay_of", sa.Text()),
        sa.Column("replay_from", sa.Text()),
        sa.CheckConstraint(f"status IN ({_STATES})", name="runs_status_check"),
        sa.CheckConstraint(
            "(status = 'running') = (lease_until IS NOT NULL)", name="runs_lease_check"
        ),
    )
    op.create_index("runs_tenant", "runs", ["tenant", "id"])
    op.create_index("runs_finished_at", "runs", ["finished_at"])
    op.create_index(
        "runs_open",
        "runs",
        ["status", "queued_at"],
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )


def _steps() -> None:
    op.create_table(
        "run_steps",
        sa.Column(
            "run_id",
            sa.Text(collation="C"),
            sa.ForeignKey("runs.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        _id("key", primary_key=True),
        _number("number"),
        sa.Column("kind", sa.Text(), nullable=False),
        _text("title"),
        sa.Column("status", sa.Text(), nullable=False),
        _text("expert"),
        _text("input"),
        _text("output"),
        sa.Column("tool_calls", postgresql.JSONB(), nullable=False),
        _number("prompt_tokens", sa.BigInteger()),
        _number("completion_tokens", sa.BigInteger()),
        _number("usd", sa.Double()),
        _number("started_at", sa.Double()),
        _number("seconds", sa.Double()),
        _text("reused_from"),
        _text("fingerprint"),
        sa.Column("begun", sa.Integer()),
        sa.Column("ended", sa.Integer()),
        sa.Column("allowed_by", sa.Text()),
        sa.Column("inherited", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'ok', 'failed')", name="run_steps_status_check"
        ),
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        _id("id", primary_key=True),
        sa.Column("tenant", sa.Text(), sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        _moment("created_at", now=True),
        _moment("deleted_at"),
    )
    op.create_index("webhooks_tenant", "webhooks", ["tenant", "id"])
    op.create_table(
        "webhook_deliveries",
        _id("id", primary_key=True),
        sa.Column("webhook", sa.Text(collation="C"), sa.ForeignKey("webhooks.id"), nullable=False),
        sa.Column("run_id", sa.Text(collation="C"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        _moment("created_at", now=True),
        _number("attempts"),
        _moment("next_at"),
        _moment("delivered_at"),
        sa.Column("last_status", sa.Integer()),
        sa.Column("last_problem", sa.Text()),
    )
    op.create_index("webhook_deliveries_webhook", "webhook_deliveries", ["webhook", "id"])
    op.create_index("webhook_deliveries_run", "webhook_deliveries", ["run_id"])
    op.create_index(
        "webhook_deliveries_due",
        "webhook_deliveries",
        ["next_at"],
        postgresql_where=sa.text("next_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
    op.drop_table("run_steps")
    op.drop_table("runs")
