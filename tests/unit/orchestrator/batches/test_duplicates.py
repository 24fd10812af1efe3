from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.batches.duplicates import SeenIds


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f", "ß", ""]), max_size=30))
def test_every_id_that_comes_again_is_found_with_the_line_before(ids: list[str]) -> None:
    seen = SeenIds()
    expected = []
    for number, custom_id in enumerate(ids, start=1):
        earlier = [n for n, one in enumerate(ids[: number - 1], start=1) if one == custom_id]
        if earlier:
            expected.append((number, earlier[-1]))
        seen.add(number, custom_id)
    assert seen.repeated(100) == expected


def test_no_more_are_told_than_wanted() -> None:
    seen = SeenIds()
    for number in range(50):
        seen.add(number, "same")
    assert len(seen.repeated(7)) == 7
