"""Searching and sorting long lists in Postgres: by words of a stored ``tsvector``, page by page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Query

Searched = Annotated[
    str | None,
    Query(
        max_length=200,
        description="Only what has all of these words, or their beginnings; or an id.",
    ),
]
_NO_WORD = "[^[:alnum:]]+"
_ID = re.compile(r"[a-z]{1,16}_[0-9a-f]{0,32}")
_AFTER_HEX = "g"


def has_words(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool]:
    """Return the condition that a ``tsvector`` has all words of a text, or words that begin so.

    Letters and digits make words and whatever else parts them, on both sides: so ``a/b`` is found by ``b``,
    which is not so with Postgres's own parser, to which it is a path. A text without any matches nothing.

    Args:
        column: Made of texts in which a space stands for whatever parts words.
        text: What somebody typed.
    """
    spaced = sa.func.trim(sa.func.regexp_replace(text, _NO_WORD, " ", "g"))
    wanted = sa.func.regexp_replace(sa.func.nullif(spaced, ""), " ", ":* & ", "g") + ":*"
    query = sa.func.to_tsquery(sa.literal_column("'simple'"), wanted)
    return column.bool_op("@@")(query)


def begins(column: sa.ColumnElement[Any], text: str) -> sa.ColumnElement[bool] | None:
    """Return the condition that an id begins with a text; ``None`` where none could.

    Args:
        column: Of ids like ``run_0f3c…``, collated as ``C``, so that its index serves.
        text: What somebody typed.
    """
    typed = text.strip()
    if not _ID.fullmatch(typed):
        return None
    return sa.and_(column >= typed, column < typed + _AFTER_HEX)


def ordered(
    query: sa.Select[Any], columns: Sequence[sa.ColumnElement[Any]], sort: str, after: str | None
) -> sa.Select[Any]:
    """Return a query in an order, from behind a row on.

    Args:
        query: Of rows of one table.
        columns: What they are sorted by; the last is the table's id, which makes the order unambiguous.
        sort: With a ``-`` before it the greatest comes first.
        after: Id of the last row of the page before; behind a row that is gone there is nothing.
    """
    downwards = sort.startswith("-")
    if after is not None:
        key = columns[-1]
        place = sa.select(*(column.label(None) for column in columns)).where(key == after)
        here, there = sa.tuple_(*columns), place.correlate(None).scalar_subquery()
        query = query.where(here < there if downwards else here > there)
    return query.order_by(*(sa.desc(one) if downwards else one for one in columns))
