"""Runs and jobs are found by words and sorted by cost and time; what admitted an expert, or did not, is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_RUN_WORDS = (
    "strategy",
    "tenant",
    "left(coalesce(request #>> '{messages,-1,content}', ''), 2000)",
    "left(coalesce(answer, ''), 2000)",
    "coalesce(error_code, '')",
    "left(coalesce(error_message, ''), 1000)",
    "left(CAST(metadata AS text), 2000)",
)
_JOB_WORDS = (
    "kind",
    "tenant",
    "coalesce(waits_for, '')",
    "coalesce(error_code, '')",
    "left(coalesce(error_message, ''), 1000)",
    "left(CAST(metadata AS text), 2000)",
)
_TOOK = (
    "coalesce(CAST(extract(epoch FROM finished_at - started_at) AS double precision) - waited, 0)"
)
_PAID = """
    UPDATE runs SET cost_nanos = paid.nanos FROM (
        SELECT run_id, sum(CAST(round(CAST(usd AS numeric) * 1000000000) AS bigint)) AS nanos
        FROM run_steps
        WHERE expert <> '' AND reused_from = '' AND NOT inherited
            AND (ended IS NOT NULL OR prompt_tokens + completion_tokens > 0)
        GROUP BY run_id
    ) AS paid
    WHERE runs.id = paid.run_id AND runs.finished_at IS NOT NULL
"""


def _words(parts: tuple[str, ...]) -> sa.Column[object]:
    """Return a column of words; letters and digits make words, whatever else parts them."""
    text = " || ' ' || ".join(parts)
    made = f"to_tsvector('simple', regexp_replace({text}, '[^[:alnum:]]+', ' ', 'g'))"
    return sa.Column("words", postgresql.TSVECTOR(), sa.Computed(made, persisted=True))


def upgrade() -> None:
    op.add_column(
        "runs", sa.Column("cost_nanos", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.execute(_PAID)
    op.add_column("runs", sa.Column("took", sa.Double(), sa.Computed(_TOOK, persisted=True)))
    op.add_column("runs", _words(_RUN_WORDS))
    op.add_column("jobs", _words(_JOB_WORDS))
    for table in ("runs", "jobs"):
        op.create_index(f"{table}_words", table, ["words"], postgresql_using="gin")
    op.create_index("runs_cost", "runs", ["cost_nanos", "id"])
    op.create_index("runs_took", "runs", ["took", "id"])
    op.create_index("runs_status", "runs", ["status", "id"])
    op.create_index("jobs_created", "jobs", ["created_at", "id"])
    _admissions()


def _admissions() -> None:
    op.create_table(
        "admissions",
        sa.Column("id", sa.Text(collation="C"), primary_key=True),
        sa.Column("expert", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Integer()),
        sa.Column("admitted", sa.Boolean(), nullable=False),
        sa.Column(
            "decided_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("rule", postgresql.JSONB(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
    )
    op.create_index("admissions_expert", "admissions", ["expert", "id"])


def downgrade() -> None:
    op.drop_table("admissions")
    op.drop_index("jobs_created", "jobs")
    op.drop_column("jobs", "words")
    for name in ("status", "took", "cost"):
        op.drop_index(f"runs_{name}", "runs")
    for name in ("words", "took", "cost_nanos"):
        op.drop_column("runs", name)
