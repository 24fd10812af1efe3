"""An expert's entry as a form, as text, and what is wrong with it where it is typed."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from experts.catalogue.entries import parse_entry
from experts.catalogue.errors import CatalogueInvalid
from orchestrator.admin.pages.experts.entry import (
    Unreadable,
    as_yaml,
    concise,
    count_endpoints,
    entry_of,
    from_yaml,
    values_of,
)
from orchestrator.admin.pages.experts.problems import at_field
from orchestrator.admin.pages.experts.providers import PROVIDERS, provider_of, rest_of

FULL: dict[str, Any] = {
    "id": "grok",
    "provider": "openai",
    "model": "grok-4",
    "tags": ["coding", "general"],
    "aliases": ["the grok"],
    "fallbacks": ["ada", "bob"],
    "capabilities": ["json", "streaming", "tools"],
    "context_window": 128_000,
    "parameters": {"temperature": 0.2, "extra": {"a": [1]}},
    "price": {"input": 2, "output": 6.5, "tiers": [{"above": 1000, "input": 4, "output": 12}]},
    "endpoints": [
        {"url": "https://a.example/v1", "api_key": {"env": "KEY"}, "headers": {"x-team": "search"}},
        {"url": "https://b.example/v1", "api_key": {"stored": "key"}, "weight": 2},
    ],
    "enabled": False,
}


@pytest.mark.parametrize(
    "entry",
    [
        FULL,
        {"id": "py", "provider": "python", "accepts": ["executable"]},
        {"id": "mute", "provider": "scripted", "capabilities": []},
    ],
    ids=lambda entry: entry["id"],
)
def test_an_entry_comes_out_of_its_form_as_it_went_in(entry: dict[str, Any]) -> None:
    assert entry_of(entry["provider"], values_of(entry), entry) == entry


def test_what_the_form_has_no_field_for_is_kept() -> None:
    values = {**values_of(FULL), "price.input": 3}
    changed = entry_of("openai", values, FULL)
    assert changed["price"] == {**FULL["price"], "input": 3}
    assert FULL["price"]["input"] == 2


def test_emptied_fields_leave_the_entry() -> None:
    values = values_of(FULL) | {"tags": " , ", "parameters": "", "price.output": None, "model": " "}
    values |= {"endpoints[1].url": "", "endpoints[1].key_kind": "none", "endpoints[1].weight": 1}
    changed = entry_of("openai", values, FULL)
    assert not {"tags", "parameters", "model"} & changed.keys()
    assert changed["price"] == {"input": 2, "tiers": FULL["price"]["tiers"]}
    assert len(changed["endpoints"]) == 1


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("price.input", "dear"),
        ("price.input", float("nan")),
        ("parameters", "{"),
        ("parameters", "[1]"),
        ("endpoints[0].headers", "no colon"),
    ],
)
def test_what_cannot_be_read_is_told_at_its_field(field: str, typed: object) -> None:
    with pytest.raises(Unreadable) as raised:
        entry_of("openai", {**values_of(FULL), field: typed}, FULL)
    assert raised.value.field == field


def test_defaults_are_not_written_out() -> None:
    whole = parse_entry({"id": "a", "provider": "scripted"}).model_dump(mode="json")
    kept = {
        "id": "a",
        "provider": "scripted",
        "capabilities": ["streaming"],
        "context_window": 8192,
    }
    assert concise(whole) == kept
    assert parse_entry(concise(whole)) == parse_entry({"id": "a", "provider": "scripted"})


def test_an_entry_as_text_has_a_line_for_each_field() -> None:
    text = as_yaml({"provider": "scripted", "id": "a", "tags": ["x"]})
    assert text == "id: a\nprovider: scripted\ntags:\n- x\n"


def test_yaml_and_json_are_read_alone_or_as_a_file_of_one() -> None:
    assert from_yaml(as_yaml(FULL)) == FULL
    assert from_yaml('{"id": "a", "provider": "python"}') == {"id": "a", "provider": "python"}
    assert from_yaml(yaml.safe_dump({"experts": [FULL]})) == FULL


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "line "),
        ("", "has fields"),
        ("- a: 1\n- b: 2", "2 entries"),
        ("!!python/object/apply:os.getcwd []", "constructor"),
    ],
)
def test_other_text_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        from_yaml(text)


def test_each_form_has_each_field_once() -> None:
    for provider in PROVIDERS:
        own = [field.name for field in provider.fields]
        names = own + [field.name for field in rest_of(provider)]
        assert len(names) == len(set(names))
        assert {"id", "price.input", "context_window", "capabilities", "system_prompt"} <= set(
            names
        )
    assert provider_of("of tomorrow").name == "openai"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"id": "Bad Id"}, "id"),
        ({"price": {"input": -1}}, "price.input"),
        ({"tags": ["No Good"]}, "tags"),
        ({"endpoints": [{"url": "ftp://a"}]}, "endpoints[0].url"),
        ({"endpoints": [{"url": "http://127.0.0.1:1/v1", "api_key": {}}]}, "endpoints[0].key_name"),
        ({"endpoints": []}, "endpoints[0].url"),
        ({"active_parameters": 9.0, "total_parameters": 7.0}, "active_parameters"),
    ],
)
def test_what_the_catalogue_refuses_is_told_at_the_field_that_was_typed(
    wrong: dict[str, Any], field: str
) -> None:
    entry = {
        "id": "a",
        "provider": "openai",
        "model": "m",
        "endpoints": [{"url": "http://127.0.0.1:1/v1"}],
        **wrong,
    }
    with pytest.raises(CatalogueInvalid) as raised:
        parse_entry(entry)
    first = raised.value.problems[0]
    alone = "; ".join(f"{one.field}: {one.reason}" for one in raised.value.problems)
    assert at_field(first.field, alone) == (field, first.reason)
    assert at_field(first.path, str(raised.value)) == (field, first.reason)


def test_an_error_about_no_field_is_told_whole() -> None:
    assert at_field(None, "It was changed meanwhile.") == (None, "It was changed meanwhile.")


def test_endpoints_are_counted_by_their_place() -> None:
    assert count_endpoints(values_of(FULL)) == 2
    assert count_endpoints(values_of({"id": "a", "provider": "python"})) == 0
