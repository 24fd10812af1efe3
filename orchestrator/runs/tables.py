"""Tables of runs, their steps, and webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()


def _id(name: str, *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(collation="C"), primary_key=primary_key)


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True))


runs = sa.Table(
    "runs",
    metadata,
    _id("id", primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("key_id", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("strategy", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("request", JSONB),
    sa.Column("metadata", JSONB),
    sa.Column("webhook", sa.Text),
    _moment("created_at"),
    _moment("queued_at"),
    _moment("started_at"),
    _moment("finished_at"),
    _moment("waiting_since"),
    sa.Column("waited", sa.Double),
    sa.Column("worker", sa.Text),
    _moment("lease_until"),
    sa.Column("epoch", sa.Integer),
    sa.Column("progress", sa.Integer),
    sa.Column("stalls", sa.Integer),
    sa.Column("cancelling", sa.Boolean),
    sa.Column("answer", sa.Text),
    sa.Column("stopped", sa.Text),
    sa.Column("verified", sa.Boolean),
    sa.Column("error_code", sa.Text),
    sa.Column("error_message", sa.Text),
    sa.Column("last_event", sa.Integer),
    sa.Column("replay_of", sa.Text),
    sa.Column("replay_from", sa.Text),
    sa.Column("cost_nanos", sa.BigInteger),
)
"""``epoch`` counts how often a worker took the run; ``progress`` is how many steps had ended then, and
``stalls`` how many takes in a row found no more of them. ``waited`` is in seconds. ``cost_nanos`` is known when
it has ended, and 0 before."""

steps = sa.Table(
    "run_steps",
    metadata,
    _id("run_id", primary_key=True),
    _id("key", primary_key=True),
    sa.Column("number", sa.Integer),
    sa.Column("kind", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("status", sa.Text),
    sa.Column("expert", sa.Text),
    sa.Column("input", sa.Text),
    sa.Column("output", sa.Text),
    sa.Column("tool_calls", JSONB),
    sa.Column("prompt_tokens", sa.BigInteger),
    sa.Column("completion_tokens", sa.BigInteger),
    sa.Column("usd", sa.Double),
    sa.Column("started_at", sa.Double),
    sa.Column("seconds", sa.Double),
    sa.Column("reused_from", sa.Text),
    sa.Column("fingerprint", sa.Text),
    sa.Column("cached_tokens", sa.BigInteger),
    sa.Column("cache_write_tokens", sa.BigInteger),
    sa.Column("reasoning_tokens", sa.BigInteger),
    sa.Column("tokens_estimated", sa.Boolean),
    sa.Column("expert_version", sa.Integer),
    sa.Column("begun", sa.Integer),
    sa.Column("ended", sa.Integer),
    sa.Column("allowed_by", sa.Text),
    sa.Column("inherited", sa.Boolean),
)
"""``begun`` and ``ended`` are the numbers of the events that say so. ``inherited`` steps were taken
over from the run that is replayed, and paid for there."""

webhooks = sa.Table(
    "webhooks",
    metadata,
    _id("id", primary_key=True),
    sa.Column("tenant", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("created_by", sa.Text),
    _moment("created_at"),
    _moment("deleted_at"),
)

deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    _id("id", primary_key=True),
    _id("webhook"),
    _id("run_id"),
    sa.Column("type", sa.Text),
    sa.Column("body", sa.Text),
    _moment("created_at"),
    sa.Column("attempts", sa.Integer),
    _moment("next_at"),
    _moment("delivered_at"),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_problem", sa.Text),
)
