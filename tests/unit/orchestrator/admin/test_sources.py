"""Rows are searched, filtered, sorted and paged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.admin.parts.sources import Query, every, select, whole


@dataclass(frozen=True)
class _Fruit:
    name: str
    grams: int | None = None
    kind: str = "berry"


_FRUIT = (
    _Fruit("apple", 200, "pome"),
    _Fruit("blackberry", 3),
    _Fruit("fig"),
    _Fruit("blueberry", 1),
)
_VALUES = {"grams": lambda fruit: fruit.grams, "name": lambda fruit: fruit.name}
_MATCHES = {"kind": lambda fruit, value: fruit.kind == value}


def _names(query: Query) -> list[str]:
    found = select(_FRUIT, query, text=lambda fruit: fruit.name, values=_VALUES, matches=_MATCHES)
    return [fruit.name for fruit in found]


def test_all_words_of_a_search_have_to_be_there() -> None:
    assert _names(Query(search="BERRY b")) == ["blackberry", "blueberry"]
    assert _names(Query(search="berry bla")) == ["blackberry"]


def test_filters_narrow_down() -> None:
    assert _names(Query(filters={"kind": "pome"})) == ["apple"]
    assert _names(Query(filters={"kind": "drupe"})) == []


def test_what_is_not_known_comes_last_in_both_orders() -> None:
    assert _names(Query(sort="grams")) == ["blueberry", "blackberry", "apple", "fig"]
    assert _names(Query(sort="grams", descending=True)) == [
        "apple",
        "blackberry",
        "blueberry",
        "fig",
    ]


def test_an_order_that_nobody_knows_leaves_rows_as_they_are() -> None:
    assert _names(Query(sort="colour")) == [fruit.name for fruit in _FRUIT]


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 7))
async def test_pages_follow_each_other_and_leave_nothing_out(
    numbers: list[int], limit: int
) -> None:
    async def rows() -> Sequence[int]:
        return numbers

    source = whole(rows, text=str, values={"itself": lambda number: number})
    query, seen = Query(sort="itself", limit=limit), []
    while True:
        page = await source(query)
        assert page.total == len(numbers)
        seen += page.rows
        if page.next is None:
            break
        query = replace(query, after=page.next)
    assert seen == sorted(numbers)
    assert [row async for row in every(source, query, 1_000)] == sorted(numbers)
    assert [row async for row in every(source, query, 2)] == sorted(numbers)[:2]
