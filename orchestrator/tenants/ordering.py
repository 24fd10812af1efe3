"""Lists sorted by one column, in pages: the place to go on after is the id of a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

Rows = sa.Select[Any]


def sorted_page(
    listed: sa.Subquery,
    rows: Rows,
    sorts: Mapping[str, sa.ColumnElement[Any]],
    sort: str,
    after: str | None,
) -> Rows:
    """Return rows in order, those after a place.

    Args:
        listed: What is listed, with a column ``id``; no row of it ever goes.
        rows: Those of it that are asked for.
        sorts: What can be sorted by: columns of ``listed`` that are never null.
        sort: One of their names; with ``-`` before it, the largest come first.
        after: Id of the last row of the page before.
    """
    down = sort.startswith("-")
    columns = (sorts[sort.removeprefix("-")], listed.c.id)
    if after is not None:
        last = sa.select(*columns).where(listed.c.id == after).scalar_subquery()
        place = sa.tuple_(*columns)
        rows = rows.where(place < last if down else place > last)
    return rows.order_by(*(column.desc() if down else column.asc() for column in columns))


def holding(columns: tuple[sa.ColumnElement[Any], ...], text: str) -> sa.ColumnElement[bool]:
    """Return whether any of some columns holds a text, in capitals or not."""
    return sa.or_(*(column.icontains(text, autoescape=True) for column in columns))
