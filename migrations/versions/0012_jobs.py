"""Jobs with their items, the workers' leases, the schedule, and files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_JOB_STATES = "'queued', 'running', 'cancelling', 'finished', 'failed', 'cancelled', 'expired'"
_ITEM_STATES = "'queued', 'running', 'ok', 'failed', 'cancelled', 'expired'"


def _id(name: str, **options: bool) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), **options)


def _number(name: str, kind: sa.types.TypeEngine[object] | None = None) -> sa.Column[object]:
    return sa.Column(name, kind or sa.BigInteger(), nullable=False, server_default=sa.text("0"))


def _moment(name: str, *, now: bool = False) -> sa.Column[object]:
    default = sa.func.now() if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=not now, server_default=default)


def upgrade() -> None:
    _jobs()
    _items()
    _workers()
    _files()


def _jobs() -> None:
    op.create_table(
        "jobs",
        _id("id", primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default=sa.text("'queued'")),
        _number("priority", sa.Integer()),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), nullable=False),
        sa.Column("webhook", sa.Text()),
        sa.Column("groups", postgresql.ARRAY(sa.Text()), nullable=False, server_default="{}"),
        _number("total"),
        _number("filled"),
        sa.Column("prepared", sa.Boolean(), nullable=False, server_default=sa.false()),
        _number("completed"),
        _number("failed"),
        _number("dropped"),
        _number("prompt_tokens"),
        _number("completion_tokens"),
        _number("cost_nanos"),
        _number("output_bytes"),
        _number("error_bytes"),
        _moment("created_at", now=True),
        _moment("started_at"),
        _moment("cancelling_at"),
        _moment("finished_at"),
        _moment("deadline"),
        sa.Column("ending", sa.Text()),
        sa.Column("worker", sa.Text()),
        _number("epoch", sa.Integer()),
        sa.Column("waits_for", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("problems", postgresql.JSONB()),
        sa.CheckConstraint(f"state IN ({_JOB_STATES})", name="jobs_state_check"),
    )
    op.create_index("jobs_tenant", "jobs", ["tenant", "id"])
    op.create_index("jobs_finished_at", "jobs", ["finished_at"])
    op.create_index(
        "jobs_open",
        "jobs",
        ["state", "created_at"],
        postgresql_where=sa.text("state IN ('queued', 'running', 'cancelling')"),
    )


def _items() -> None:
    op.create_table(
        "job_items",
        sa.Column(
            "job_id",
            sa.Text(collation="C"),
            sa.ForeignKey("jobs.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("custom_id", sa.Text(), nullable=False),
        sa.Column("grp", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default=sa.text("'queued'")),
        _number("attempts", sa.Integer()),
        _moment("due_at", now=True),
        sa.Column("worker", sa.Text()),
        _number("epoch", sa.Integer()),
        _moment("started_at"),
        _moment("finished_at"),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("plan", postgresql.JSONB(), nullable=False),
        sa.Column("calls", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("result", sa.Text()),
        sa.Column("request_id", sa.Text()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        _number("cost_nanos"),
        sa.CheckConstraint(f"state IN ({_ITEM_STATES})", name="job_items_state_check"),
        sa.CheckConstraint("(state = 'running') = (worker IS NOT NULL)", name="job_items_lease"),
    )
    op.create_index(
        "job_items_due",
        "job_items",
        ["job_id", "grp", "due_at", "number"],
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "job_items_taken",
        "job_items",
        ["job_id", "worker"],
        postgresql_where=sa.text("state = 'running'"),
    )


def _workers() -> None:
    op.create_table(
        "job_workers",
        _id("id", primary_key=True),
        _moment("started_at", now=True),
        _moment("lease_until", now=True),
    )
    op.create_table(
        "schedule",
        _id("name", primary_key=True),
        _moment("last_run"),
        _moment("last_success"),
        sa.Column("seconds", sa.Double()),
        sa.Column("problem", sa.Text()),
    )


def _files() -> None:
    op.create_table(
        "files",
        _id("id", primary_key=True),
        sa.Column("tenant", sa.Text(), sa.ForeignKey("tenants.id"), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        _number("bytes"),
        _number("lines"),
        _moment("created_at", now=True),
        _moment("expires_at"),
        sa.Column("complete", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("job_id", sa.Text(collation="C"), sa.ForeignKey("jobs.id", ondelete="CASCADE")),
    )
    op.create_index("files_tenant", "files", ["tenant", "id"])
    op.create_index("files_expires_at", "files", ["expires_at"])
    op.create_index("files_job", "files", ["job_id"])
    op.create_table(
        "file_chunks",
        sa.Column(
            "file_id",
            sa.Text(collation="C"),
            sa.ForeignKey("files.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    # Compressing a megabyte takes longer than writing it.
    op.execute("ALTER TABLE file_chunks ALTER COLUMN data SET STORAGE EXTERNAL")


def downgrade() -> None:
    for table in ("file_chunks", "files", "schedule", "job_workers", "job_items", "jobs"):
        op.drop_table(table)
