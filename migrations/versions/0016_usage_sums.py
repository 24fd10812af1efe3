"""Sums of usage by minute, hour and day, and where the time of requests goes.

Whatever writes usage rows, a trigger adds what they come to to ``usage_news``, in the same transaction; from
there the service moves it to ``usage_sums``. So each row counts exactly once, and one that replaces another
takes back what that had counted.

A histogram of times is one number: how many times fell into bucket ``b`` stands at its digits from
``10^(12 b)`` on, and the sum of such numbers is the histogram of all of them. Bucket ``b`` begins at
``2^(b/4)`` milliseconds.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COUNTS = (
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
_TIMES = ("latency", "first_token")
_SUMS = (*_COUNTS, *_TIMES)
_LOOKED_FOR = {
    "usage_expert": "expert",
    "usage_key": "key_id",
    "usage_cost": "cost_nanos",
    "usage_duration": "duration_ms",
}
_RARE = {
    "usage_not_ok": ("status", "status <> 'ok'"),
    "usage_failed": ("expert", "status = 'failed'"),
    "usage_session": ("session", "session IS NOT NULL"),
}

# A request counts for who answered at last; calls, tokens and money count for whom they went to.
_FACTS = """
    SELECT date_trunc('minute', u.started_at) AS minute, coalesce(u.tenant, '') AS tenant,
        coalesce(f.expert, '') AS expert, coalesce(u.category, '') AS category, {sums}
    FROM {source} AS u CROSS JOIN LATERAL (
        SELECT u.expert, 1 AS requests,
            (u.status = 'ok')::int AS ok,
            (u.status = 'failed')::int AS failed,
            (u.status = 'blocked')::int AS blocked,
            (u.status = 'cancelled')::int AS cancelled,
            (u.status = 'interrupted')::int AS interrupted,
            one.calls,
            one.calls * (u.status = 'failed')::int AS failed_calls,
            one.told * u.prompt_tokens AS prompt_tokens,
            one.told * u.cached_tokens AS cached_tokens,
            one.told * u.cache_write_tokens AS cache_write_tokens,
            one.told * u.completion_tokens AS completion_tokens,
            one.told * u.reasoning_tokens AS reasoning_tokens,
            one.told * u.cost_nanos AS cost_nanos,
            coalesce((u.cache IN ('hit', 'shared', 'similar'))::int, 0) AS cache_hits,
            coalesce((u.cache = 'miss')::int, 0) AS cache_misses,
            coalesce(u.saved_tokens, 0) AS saved_tokens,
            coalesce(u.saved_nanos, 0) AS saved_nanos,
            CASE WHEN one.writes THEN u.completion_tokens ELSE 0 END AS streamed_tokens,
            CASE WHEN one.writes THEN round(u.duration_ms - u.first_token_ms)::bigint ELSE 0 END
                AS streamed_ms,
            CASE WHEN u.status = 'ok' THEN {latency} ELSE 0 END AS latency,
            CASE WHEN u.status = 'ok' AND u.first_token_ms IS NOT NULL THEN {first_token} ELSE 0 END
                AS first_token
        FROM (
            SELECT (u.attempts IS NULL OR jsonb_typeof(u.attempts) <> 'array'
                    OR jsonb_array_length(u.attempts) = 0)::int AS told,
                (u.attempts IS NULL AND u.expert IS NOT NULL AND u.status <> 'interrupted')::int AS calls,
                u.attempts IS NULL AND u.status = 'ok' AND u.streamed
                    AND u.first_token_ms IS NOT NULL AND u.duration_ms > u.first_token_ms AS writes
        ) AS one
        UNION ALL
        SELECT call->>'expert', 0, 0, 0, 0, 0, 0, 1,
            (call->>'outcome' IS NOT DISTINCT FROM 'failed')::int,
            coalesce((call->>'prompt_tokens')::bigint, 0),
            coalesce((call->>'cached_tokens')::bigint, 0),
            coalesce((call->>'cache_write_tokens')::bigint, 0),
            coalesce((call->>'completion_tokens')::bigint, 0),
            coalesce((call->>'reasoning_tokens')::bigint, 0),
            coalesce((call->>'cost_nanos')::bigint, 0),
            0, 0, 0, 0, 0, 0, 0, 0
        FROM jsonb_array_elements(
            CASE WHEN jsonb_typeof(u.attempts) = 'array' THEN u.attempts ELSE '[]' END
        ) AS call
        WHERE call->>'outcome' IS DISTINCT FROM 'skipped'
    ) AS f
    GROUP BY 1, 2, 3, 4
"""


def _bucket(milliseconds: str) -> str:
    """Return the number that is a histogram of one time; the last bucket begins at 1048 seconds."""
    found = f"floor(4 * ln(greatest({milliseconds}, 1)) / ln(2::float8))::int"
    return f"('1e' || 12 * least({found}, 80))::numeric"


def _facts(source: str, sign: str = "") -> str:
    summed = [f"{sign}sum(f.{name})::bigint" for name in _COUNTS]
    summed += [f"{sign}sum(f.{name})" for name in _TIMES]
    return _FACTS.format(
        source=source,
        sums=", ".join(summed),
        latency=_bucket("u.duration_ms"),
        first_token=_bucket("u.first_token_ms"),
    )


def _columns() -> list[sa.Column[object]]:
    whole = [
        sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in _COUNTS
    ]
    times = [sa.Column(name, sa.Numeric(), nullable=False, server_default="0") for name in _TIMES]
    return [*whole, *times]


def upgrade() -> None:
    for column in (
        sa.Column("session", sa.Text()),
        sa.Column("timing", postgresql.JSONB(none_as_null=True)),
    ):
        op.add_column("usage", column)
    moment, text = sa.DateTime(timezone=True), sa.Text(collation="C")
    dimensions = ("tenant", "expert", "category")
    op.create_table(
        "usage_news",
        sa.Column("minute", moment, nullable=False),
        *(sa.Column(name, text, nullable=False) for name in dimensions),
        *_columns(),
    )
    op.create_table(
        "usage_sums",
        sa.Column("kind", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("grain", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("slot", moment, primary_key=True),
        *(sa.Column(name, text, primary_key=True) for name in dimensions),
        *_columns(),
        postgresql_partition_by="LIST (kind)",
    )
    # Apart, so that the few sums that are looked at most stand together.
    for name, kinds in (("usage_sums_few", "0, 1, 2, 3"), ("usage_sums_each", "7")):
        op.execute(
            f"CREATE TABLE {name} PARTITION OF usage_sums FOR VALUES IN ({kinds}) WITH (fillfactor = 70)"
        )
    for name in dimensions:
        op.create_index(f"usage_sums_{name}", "usage_sums_each", [name, "grain", "slot"])
    _trigger()
    _history()
    _listing()


def _trigger() -> None:
    names = ", ".join(("minute", "tenant", "expert", "category", *_SUMS))
    op.execute(f"""
        CREATE FUNCTION usage_counted() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' THEN
                INSERT INTO usage_news ({names}) {_facts("gone", "-")};
            END IF;
            INSERT INTO usage_news ({names}) {_facts("come")};
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER usage_counted_in AFTER INSERT ON usage
        REFERENCING NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION usage_counted()
    """)
    op.execute("""
        CREATE TRIGGER usage_counted_anew AFTER UPDATE ON usage
        REFERENCING OLD TABLE AS gone NEW TABLE AS come
        FOR EACH STATEMENT EXECUTE FUNCTION usage_counted()
    """)


def _history() -> None:
    """Count what is there already, in the same way: the service takes it from ``usage_news``."""
    names = ", ".join(("minute", "tenant", "expert", "category", *_SUMS))
    op.execute(f"INSERT INTO usage_news ({names}) {_facts('usage')}")


def _listing() -> None:
    """Make what people look for quick to find among millions of requests."""
    for name, column in _LOOKED_FOR.items():
        op.create_index(name, "usage", [column, "started_at", "request_id"])
    for name, (column, condition) in _RARE.items():
        op.create_index(
            name,
            "usage",
            [column, "started_at", "request_id"],
            postgresql_where=sa.text(condition),
        )


def downgrade() -> None:
    for name in (*_RARE, *_LOOKED_FOR):
        op.drop_index(name, "usage")
    op.execute("DROP TRIGGER usage_counted_anew ON usage")
    op.execute("DROP TRIGGER usage_counted_in ON usage")
    op.execute("DROP FUNCTION usage_counted()")
    op.drop_table("usage_sums")
    op.drop_table("usage_news")
    op.drop_column("usage", "timing")
    op.drop_column("usage", "session")
