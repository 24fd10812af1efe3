"""Tables of jobs, their items, the workers' leases, and the schedule."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = sa.MetaData()


def _id(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), primary_key=True)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True))


jobs = sa.Table(
    "jobs",
    metadata,
    _id("id"),
    sa.Column("kind", sa.Text),
    sa.Column("tenant", sa.Text),
    sa.Column("key_id", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("priority", sa.Integer),
    sa.Column("payload", JSONB),
    sa.Column("metadata", JSONB),
    sa.Column("webhook", sa.Text),
    sa.Column("groups", ARRAY(sa.Text)),
    sa.Column("total", sa.BigInteger),
    sa.Column("filled", sa.BigInteger),
    sa.Column("prepared", sa.Boolean),
    sa.Column("completed", sa.BigInteger),
    sa.Column("failed", sa.BigInteger),
    sa.Column("dropped", sa.BigInteger),
    sa.Column("prompt_tokens", sa.BigInteger),
    sa.Column("completion_tokens", sa.BigInteger),
    sa.Column("cost_nanos", sa.BigInteger),
    sa.Column("output_bytes", sa.BigInteger),
    sa.Column("error_bytes", sa.BigInteger),
    _moment("created_at"),
    _moment("started_at"),
    _moment("cancelling_at"),
    _moment("finished_at"),
    _moment("deadline"),
    sa.Column("ending", sa.Text),
    sa.Column("worker", sa.Text),
    sa.Column("epoch", sa.Integer),
    sa.Column("waits_for", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("problems", JSONB(none_as_null=True)),
    sa.Column("again", sa.Boolean),
    sa.Column("losses", sa.Integer),
    sa.Column("work", JSONB(none_as_null=True)),
    sa.Column("kept", JSONB(none_as_null=True)),
    sa.Column("result", JSONB(none_as_null=True)),
)
"""``total`` is how many items there will be, ``filled`` how many lines of the input have become items,
``dropped`` how many ended without being done. ``ending`` is the state that a job which is being
cancelled ends in. ``worker`` has it, to prepare it or to do it; ``epoch`` counts how often one has begun
to, ``losses`` how often one died of it. ``work`` says how far that is, ``kept`` is what its kind needs to
go on, ``again`` that it is its kind's turn once more when its items have ended, ``result`` what came of it."""

items = sa.Table(
    "job_items",
    metadata,
    _id("job_id"),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("custom_id", sa.Text),
    sa.Column("grp", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("attempts", sa.Integer),
    _moment("due_at"),
    sa.Column("worker", sa.Text),
    sa.Column("epoch", sa.Integer),
    _moment("started_at"),
    _moment("finished_at"),
    sa.Column("body", sa.Text),
    sa.Column("plan", JSONB),
    sa.Column("calls", JSONB),
    sa.Column("result", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("error_code", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("cost_nanos", sa.BigInteger),
)
"""``grp`` is the expert it was routed to; ``epoch`` counts how often it was taken, and a result counts
only if it is still the one it was taken under. ``calls`` is what attempts before have cost."""

workers = sa.Table(
    "job_workers",
    metadata,
    _id("id"),
    _moment("started_at"),
    _moment("lease_until"),
)

schedule = sa.Table(
    "schedule",
    metadata,
    _id("name"),
    _moment("last_run"),
    _moment("last_success"),
    sa.Column("seconds", sa.Double),
    sa.Column("problem", sa.Text),
    sa.Column("every", sa.Double),
    sa.Column("holder", sa.Text),
    _moment("lease_until"),
    _moment("wanted_at"),
)
"""``seconds`` is how long the last run took, ``every`` how often there is to be one; ``holder`` is who does
it until ``lease_until``, and ``wanted_at`` when somebody asked for a run at once."""
