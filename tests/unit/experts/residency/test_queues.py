"""Who waits, and what models count for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.residency.inventory import Inventory
from experts.residency.policy.values import Model
from experts.residency.queues import Queues

steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "take", "remove", "drop"]),
        st.sampled_from("abc"),
        st.integers(0, 9),
    ),
    max_size=40,
)


@given(steps)
def test_ages_are_those_of_the_oldest_whatever_happens(drawn: list[tuple[str, str, int]]) -> None:
    queues = Queues()
    plain: dict[str, list[tuple[float, int]]] = {name: [] for name in "abc"}
    now = 0.0
    for request, (what, model, number) in enumerate(drawn):
        before = (list(queues.ages), queues.version)
        if what == "add":
            now += number / 3
            queues.add(request, model, now)
            plain[model].append((now, request))
        elif what == "remove" and plain[model]:
            _, gone = plain[model].pop(number % len(plain[model]))
            queues.remove(gone, model)
        elif what == "drop":
            assert queues.drop(model) == [one for _, one in plain[model]]
            plain[model] = []
        elif what == "take" and model in queues:
            assert queues.take(model, number) == [one for _, one in plain[model][:number]]
            plain[model] = plain[model][number:]
        assert queues.ages == sorted((waits[0][0], name) for name, waits in plain.items() if waits)
        assert {name: queues.count(name) for name in "abc"} == {n: len(w) for n, w in plain.items()}
        assert queues.ages == before[0] or queues.version > before[1]


def test_a_model_counts_for_no_more_than_there_is_beside_what_is_pinned() -> None:
    models = Inventory(10)
    for name, size in (("a", 4), ("b", 6)):
        models.add(Model(name, size))
    assert models.squeezed_by("a") is None
    models.pin("a")
    assert (models.size("a"), models.size("b"), models.room_for("b")) == (4, 6, 6)
    assert models.squeezed_by("b") is None, "both fit, and there is no other"
    models.expect("b", 9)
    assert models.size("b") == 6, "it could never be loaded otherwise"
    models.unpin("a")
    assert models.size("b") == 9
    assert models.squeezed_by("a") == "b"


def test_loads_are_as_long_as_they_were_and_answers_as_the_longest() -> None:
    models = Inventory(10)
    models.add(Model("a", 1, load_seconds=7.0))
    assert models.loads["a"] == 7.0
    models.loaded("a", 2.0)
    assert models.loads["a"] == 2.0, "a guess counts for nothing beside what was measured"
    models.loaded("a", 4.0)
    assert models.loads["a"] == pytest.approx(2.6)
    assert models.answer() == 0.0
    for seconds in (1.0, 4.0, 2.0):
        models.answered(seconds)
    assert models.answer() == 5.0
    for _ in range(64):
        models.answered(1.0)
    assert models.answer() == 1.25
