"""What a wanted catalogue changes."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from experts.catalogue.changes import difference, plan, same, spec_of
from experts.catalogue.expert import Expert, Price, PriceTier

wanted_lists = st.lists(
    st.builds(
        Expert,
        id=st.sampled_from(["a", "b", "c", "d"]),
        provider=st.just("scripted"),
        context_window=st.integers(1, 3),
        tags=st.frozensets(st.sampled_from(["math", "code"])),
    ),
    unique_by=lambda expert: expert.id,
)


def specs(experts: list[Expert]) -> dict[str, Any]:
    return {expert.id: spec_of(expert) for expert in experts}


@given(wanted_lists, wanted_lists, st.booleans())
def test_applying_twice_changes_nothing_more(
    before: list[Expert], wanted: list[Expert], prune: bool
) -> None:
    present = specs(before)
    first = plan(present, wanted, prune=prune)
    after = {**present, **specs(wanted)}
    for change in first:
        if change.action == "retire":
            del after[change.id]
    assert {change.action for change in plan(after, wanted, prune=prune)} <= {"unchanged"}
    if prune:
        assert after == specs(wanted)
    for change in first:
        if change.action == "update":
            for field, (old, new) in change.fields.items():
                assert present[change.id][field] == old
                assert after[change.id][field] == new
                assert not same(old, new)


def test_a_change_names_old_and_new_values() -> None:
    old = Expert(id="a", provider="scripted", context_window=10, tags=frozenset({"code"}))
    new = old.model_copy(update={"context_window": 20, "tags": frozenset({"code", "art"})})
    assert difference(spec_of(old), spec_of(new)) == {
        "context_window": (10, 20),
        "tags": (["code"], ["art", "code"]),
    }


def test_an_entry_without_tiers_is_what_it_was_before_there_were_any() -> None:
    plain = Expert(id="a", provider="scripted", price=Price(input=1))
    assert set(spec_of(plain)["price"]) == {
        "input", "output", "cached_input", "cache_write", "reasoning",
    }  # fmt: skip
    tier = PriceTier(above=10, input=2)
    tiered = plain.model_copy(update={"price": Price(input=1, tiers=(tier,))})
    assert difference(spec_of(plain), spec_of(tiered)).keys() == {"price"}
    assert Expert.model_validate(spec_of(tiered)) == tiered


def test_a_new_expert_shows_what_it_sets() -> None:
    new = Expert(id="a", provider="scripted", context_window=10)
    assert difference(None, spec_of(new)) == {
        "id": (None, "a"),
        "provider": (None, "scripted"),
        "context_window": (None, 10),
    }


def test_true_is_not_one() -> None:
    old = Expert(id="a", provider="scripted", parameters={"logprobs": 1})
    new = Expert(id="a", provider="scripted", parameters={"logprobs": True})
    assert old == new  # Python says so
    assert list(difference(spec_of(old), spec_of(new))) == ["parameters"]


def test_prune_retires_and_without_it_nothing_is_retired() -> None:
    present = specs([Expert(id=name, provider="scripted") for name in "abc"])
    wanted = [Expert(id="b", provider="scripted")]
    assert [(c.id, c.action) for c in plan(present, wanted, prune=True)] == [
        ("b", "unchanged"),
        ("a", "retire"),
        ("c", "retire"),
    ]
    assert [(c.id, c.action) for c in plan(present, wanted, prune=False)] == [("b", "unchanged")]
