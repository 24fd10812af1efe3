"""Tables of sums (Postgres); their history, and what fills them, is in ``migrations/``."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

COUNTS = (
    "requests",
    "ok",
    "failed",
    "blocked",
    "cancelled",
    "interrupted",
    "calls",
    "failed_calls",
    "prompt_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cost_nanos",
    "cache_hits",
    "cache_misses",
    "saved_tokens",
    "saved_nanos",
    "streamed_tokens",
    "streamed_ms",
)
TIMES = ("latency", "first_token")
"""Histograms: see :mod:`orchestrator.usage.sums.histogram`."""
SUMS = (*COUNTS, *TIMES)
DIMENSIONS = ("tenant", "expert", "category")


def _sums() -> list[sa.Column[object]]:
    whole = [sa.Column(name, sa.BigInteger, nullable=False) for name in COUNTS]
    return [*whole, *(sa.Column(name, sa.Numeric, nullable=False) for name in TIMES)]


def _dimensions() -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Text(collation="C"), nullable=False) for name in DIMENSIONS]


usage_news = sa.Table(
    "usage_news",
    metadata,
    sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
    *_dimensions(),
    *_sums(),
)
"""What a trigger has counted and nobody has added to the sums yet, by tenant, expert and category."""

usage_sums = sa.Table(
    "usage_sums",
    metadata,
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("grain", sa.SmallInteger, nullable=False),
    sa.Column("slot", sa.DateTime(timezone=True), nullable=False),
    *_dimensions(),
    *_sums(),
)
"""Sums of slots of ``grain`` minutes. ``kind`` says what is told apart; the rest is ``*``."""
