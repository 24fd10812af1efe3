"""Entries from plain data: experts, or every problem, and never another exception."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.catalogue.entries import check, parse_document, parse_entries, parse_entry
from experts.catalogue.errors import CatalogueInvalid, Problem
from experts.catalogue.expert import Expert

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())  # with surrogates and NUL
    | st.dates()
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
fields = st.sampled_from([*Expert.model_fields, "contxt_window", "url"])
entryish = st.dictionaries(fields, anything, max_size=6).map(
    lambda entry: {"id": "a", "provider": "scripted", **entry}
)


def scripted(identifier: str, **more: Any) -> dict[str, Any]:
    return {"id": identifier, "provider": "scripted", **more}


def problems_of(entries: Any) -> tuple[Problem, ...]:
    with pytest.raises(CatalogueInvalid) as caught:
        parse_entries(entries)
    return caught.value.problems


def parsed_or_refused(document: Any) -> tuple[tuple[Expert, ...], CatalogueInvalid | None]:
    try:
        return parse_document(document), None
    except CatalogueInvalid as error:
        return (), error


@given(anything | st.fixed_dictionaries({"experts": anything | st.lists(entryish, max_size=4)}))
def test_a_document_yields_experts_or_problems(document: Any) -> None:
    experts, refusal = parsed_or_refused(document)
    if refusal is None:
        assert experts
        assert all(isinstance(expert, Expert) for expert in experts)
        check(experts)
    else:
        str(refusal).encode()  # sayable: what was refused is not quoted raw
        assert refusal.problems
        assert all(problem.reason for problem in refusal.problems)


def test_problems_of_all_entries_are_found_and_named() -> None:
    entries = [
        scripted("good"),
        scripted("Bad Id"),
        scripted("typo", contxt_window=5, price={"inptu": 1}),
        scripted("types", context_window="8192", enabled="yes", tags="math"),
        "text",
        {"id": "remote", "provider": "openai", "model": "m", "endpoints": [{"url": "ftp://x"}]},
        {"provider": "scripted"},
        {"id": "modelless", "provider": "litellm"},
    ]
    found = {(p.index, p.id, p.field): p.reason for p in problems_of(entries)}
    assert set(found) == {
        (1, None, "id"),
        (2, "typo", "contxt_window"),
        (2, "typo", "price.inptu"),
        (3, "types", "context_window"),
        (3, "types", "enabled"),
        (3, "types", "tags"),
        (4, None, ""),
        (5, "remote", "endpoints[0].url"),
        (6, None, "id"),
        (7, "modelless", "model"),
    }
    assert found[2, "typo", "contxt_window"] == "unknown field; did you mean 'context_window'?"
    assert found[2, "typo", "price.inptu"] == "unknown field; did you mean 'input'?"
    assert found[6, None, "id"] == "is missing"


def test_tiers_of_a_price_ascend_and_have_names() -> None:
    def problem(**price: Any) -> tuple[str, str]:
        (found,) = problems_of([scripted("a", price=price)])
        return found.field, found.reason

    low, high = ({"above": above, "input": 1, "output": 2} for above in (10, 20))
    ascend = "each tier must be 'above' more tokens than the one before"
    assert problem(tiers=[high, low]) == ("price.tiers", ascend)
    assert problem(tiers=[low, low]) == ("price.tiers", ascend)
    assert problem(tiers=[{"above": 0}])[0] == "price.tiers[0].above"
    assert problem(tiers=[{"input": 1}]) == ("price.tiers[0].above", "is missing")
    assert problem(tiers=[{**low, "ouput": 1}])[1] == "unknown field; did you mean 'output'?"
    flex = {"name": "flex", "input": 1}
    assert problem(service_tiers=[flex, flex]) == (
        "price.service_tiers",
        "the tier of service 'flex' is there twice",
    )
    nested = {**flex, "tiers": [high, low]}
    assert problem(service_tiers=[nested]) == ("price.service_tiers[0].tiers", ascend)
    assert problem(service_tiers=[{**flex, "name": "Flex Tier"}])[0] == (
        "price.service_tiers[0].name"
    )
    parse_entries([scripted("a", price={"tiers": [low, high], "service_tiers": [flex]})])


def test_a_problem_reads_as_a_place_and_a_reason() -> None:
    (problem,) = problems_of([scripted("a"), scripted("b", context_window=0)])
    assert problem.path == "experts[1].context_window"
    assert problem.entry == "experts[1] (b)"
    assert str(problem).startswith("experts[1] (b) context_window: ")


def test_nothing_is_half_accepted() -> None:
    assert len(parse_entries([scripted("a"), scripted("b")])) == 2
    problems_of([scripted("a"), scripted("b"), scripted("c", nonsense=1)])


def test_duplicate_ids_name_the_first() -> None:
    found = problems_of([scripted("a"), scripted("b"), scripted("a"), scripted("a")])
    assert [(problem.index, problem.field) for problem in found] == [(2, "id"), (3, "id")]
    assert all("experts[0]" in problem.reason for problem in found)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (None, "experts"),
        ([], "experts"),
        ({}, "experts"),
        ({"experts": {}}, "list"),
        ({"experts": []}, "empty"),
        ({"experts": None}, "list"),
        ({"experts": [{}], "version": 1}, "version"),
        ({"experts": [{}] * 5001}, "5001"),
    ],
)
def test_a_wrong_document_is_named(document: Any, word: str) -> None:
    with pytest.raises(CatalogueInvalid, match=word):
        parse_document(document)


def test_the_largest_catalogue_is_accepted() -> None:
    assert len(parse_entries([scripted(f"e{n}") for n in range(5000)])) == 5000


@pytest.mark.parametrize(
    "parameters",
    [
        {"x": float("nan")},
        {"x": float("-inf")},
        {"x": 2**53 + 1},
        {"x": 1e300},
        {"x": "a\x00b"},
        {"x": "\ud800"},
        {"a\x00": 1},
        {"\udfff": 1},
        {1: 1},
        {"x": date(2026, 1, 1)},
        {"x": b"bytes"},
        {"x": list(range(20_001))},
    ],
)
def test_what_the_registry_could_not_keep_is_refused(parameters: Any) -> None:
    (problem,) = problems_of([scripted("a", parameters=parameters)])
    assert problem.field in {"", "parameters", "parameters.x"} or "[" in problem.field


def test_deep_and_self_containing_values_are_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert "deep" in problems_of([scripted("a", parameters={"x": deep})])[0].reason
    loop: dict[str, Any] = {}
    loop["self"] = loop
    assert "deep" in problems_of([scripted("a", parameters=loop)])[0].reason


def test_an_entry_has_a_largest_size() -> None:
    big = {f"k{n}": "v" * 40_000 for n in range(20)}
    assert "larger" in problems_of([scripted("a", parameters=big)])[0].reason


def test_a_pasted_secret_is_explained_and_not_quoted() -> None:
    secret = "sk-very-secret"
    (problem,) = problems_of(
        [
            {
                "id": "a",
                "provider": "openai",
                "model": "m",
                "endpoints": [{"url": "http://h/v1", "api_key": secret}],
            }
        ]
    )
    assert problem.field == "endpoints[0].api_key"
    assert "env" in problem.reason
    assert secret not in str(problem)


def test_the_number_of_problems_is_bounded() -> None:
    entries = [{"id": f"e{n}", **{f"f{k}": 1 for k in range(50)}} for n in range(200)]
    assert len(problems_of(entries)) == 1000


def test_experts_built_in_python_are_checked_too() -> None:
    with pytest.raises(CatalogueInvalid, match="NUL"):
        check([Expert(id="a", provider="scripted", name="a\x00")])
    with pytest.raises(CatalogueInvalid, match="JSON"):
        check([Expert(id="a", provider="scripted", parameters={"x": object()})])
    with pytest.raises(CatalogueInvalid, match="experts\\[0\\]"):
        check([parse_entry(scripted("a")), parse_entry(scripted("a"))])


def test_an_alias_names_one_expert_of_a_document() -> None:
    entries = [{"id": name, "provider": "scripted", "aliases": ["GPT X"]} for name in ("a", "b")]
    with pytest.raises(CatalogueInvalid) as caught:
        parse_entries(entries)
    assert [(problem.index, problem.path) for problem in caught.value.problems] == [
        (1, "experts[1].aliases")
    ]
    assert parse_entries(entries[:1])[0].aliases == ("GPT X",)
