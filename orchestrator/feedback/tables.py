"""Tables of feedback and scores (Postgres). Their history is in ``migrations/``."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_id = sa.Text(collation="C")
_moment = sa.DateTime(timezone=True)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("id", _id, primary_key=True),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("started_at", _moment, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("rating", sa.Double),
    sa.Column("corrected_category", sa.Text),
    sa.Column("prefers_other", sa.Boolean, nullable=False),
    sa.Column("preferred_answer", sa.Text),
    sa.Column("preferred_request", _id),
    sa.Column("created_at", _moment, nullable=False, server_default=sa.func.now()),
    sa.UniqueConstraint("request_id", "key_id", name="feedback_once"),
    sa.Index("feedback_started_at", "started_at"),
)
"""One row a request and key: the last word counts."""

scores = sa.Table(
    "scores",
    metadata,
    sa.Column("category", _id, primary_key=True),
    sa.Column("expert", _id, primary_key=True),
    sa.Column("source", _id, primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("mean", sa.Double, nullable=False),
    sa.Column("se", sa.Double, nullable=False),
    sa.Column("updated_at", _moment, nullable=False, server_default=sa.func.now()),
)
"""Candidate scores: what a router can be trained from. No router reads them while it decides."""
