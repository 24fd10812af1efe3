"""What names a request: everything its answer depends on, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.cache.key import Asked, cache_key, is_sampled

ASKED = Asked("acme", "small", 3)
REQUEST: dict[str, Any] = {
    "model": "coe",
    "messages": [{"role": "user", "content": "Hi"}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"a": 1, "b": [1, 2]}}}],
    "response_format": {"type": "json_object"},
    "temperature": 0,
    "max_tokens": 20,
    "seed": 1,
    "stop": ["x"],
}

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def shuffled(value: Any) -> Any:
    """The same JSON with the keys of all objects in the other order."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(list(value))}
    return [shuffled(one) for one in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(min_size=1, max_size=5), json, max_size=5))
def test_the_order_of_keys_says_nothing(fields: dict[str, Any]) -> None:
    assert cache_key(ASKED, fields) == cache_key(ASKED, shuffled(fields))


@given(json, json)
def test_another_value_is_another_request(one: Any, other: Any) -> None:
    same = msgspec.json.encode(shuffled(one), order="deterministic") == msgspec.json.encode(
        shuffled(other), order="deterministic"
    )
    keys = cache_key(ASKED, {"x": one}), cache_key(ASKED, {"x": other})
    assert (keys[0] == keys[1]) == same


@pytest.mark.parametrize("name", sorted(set(REQUEST) - {"model"}))
def test_every_field_that_changes_an_answer_counts(name: str) -> None:
    key = cache_key(ASKED, REQUEST)
    without = {field: value for field, value in REQUEST.items() if field != name}
    assert cache_key(ASKED, without) != key
    assert cache_key(ASKED, REQUEST | {name: "another"}) != key


@pytest.mark.parametrize(
    "name", ["stream", "stream_options", "user", "metadata", "coe", "model", "service_tier"]
)
def test_how_an_answer_is_delivered_does_not_count(name: str) -> None:
    assert cache_key(ASKED, REQUEST | {name: {"a": 1}}) == cache_key(ASKED, REQUEST)


@pytest.mark.parametrize(
    "asked",
    [
        Asked("other", "small", 3),
        Asked("acme", "large", 3),
        Asked("acme", "small", 4),
        Asked("acme", "small", 3, "embeddings"),
        Asked("acmes", "mall", 3),
    ],
)
def test_who_is_asked_for_whom_counts(asked: Asked) -> None:
    assert cache_key(asked, REQUEST) != cache_key(ASKED, REQUEST)


def test_bytes_and_values_are_the_same_request() -> None:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in REQUEST.items()}
    assert cache_key(ASKED, raw) == cache_key(ASKED, REQUEST)


def test_long_numbers_keep_all_their_digits() -> None:
    seeds = [msgspec.Raw(b"123456789012345678901"), msgspec.Raw(b"123456789012345678902")]
    assert cache_key(ASKED, {"seed": seeds[0]}) != cache_key(ASKED, {"seed": seeds[1]})


@pytest.mark.parametrize(
    ("fields", "defaults", "sampled"),
    [
        ({}, {}, True),
        ({"temperature": 0}, {}, False),
        ({"temperature": 0.0, "n": 1}, {}, False),
        ({"temperature": 0, "n": 2}, {}, True),
        ({"temperature": 0.2}, {"temperature": 0}, True),
        ({}, {"temperature": 0}, False),
        ({"temperature": None}, {"temperature": 0}, False),
    ],
)
def test_what_is_sampled(fields: dict[str, Any], defaults: dict[str, Any], sampled: bool) -> None:
    assert is_sampled(fields, defaults) is sampled
