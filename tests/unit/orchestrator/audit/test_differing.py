"""What differs between two states, and what entries are about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.audit.differing import differing
from orchestrator.audit.redaction import shown
from orchestrator.audit.targets import place_of_new, short, target_of

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
    ),
    max_leaves=12,
)
things = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


def merged(old: Any, gone: Any, new: Any) -> Any:
    """Return a state that a difference was put into."""
    if not (isinstance(old, dict) and isinstance(gone, dict) and isinstance(new, dict)):
        return new
    kept = {name: value for name, value in old.items() if name not in gone}
    changed = {
        name: merged(old[name], gone[name], new[name]) if name in gone else new[name]
        for name in new
    }
    return kept | changed


@settings(max_examples=40)
@given(things, things)
def test_a_difference_makes_one_state_of_the_other(before: Any, after: Any) -> None:
    old, new = differing(before, after)
    assert merged(before, old, new) == after
    assert merged(after, new, old) == before


@settings(max_examples=40)
@given(things)
def test_what_is_the_same_does_not_differ(thing: Any) -> None:
    assert differing(thing, json.loads(json.dumps(thing))) == ({}, {})


def test_only_what_differs_is_told() -> None:
    before = {"name": "a", "price": {"in": 1, "out": 2}, "tags": ["x"], "use": 1}
    after = {"name": "a", "price": {"in": 1, "out": 3}, "tags": ["x", "y"], "use": 2, "new": None}
    assert differing(before, after) == (
        {"price": {"out": 2}, "tags": ["x"]},
        {"price": {"out": 3}, "tags": ["x", "y"], "new": None},
    )
    assert differing(None, before) == (None, before)


@pytest.mark.parametrize(
    ("action", "detail", "target"),
    [
        ("PUT /admin/api/tenants/acme", {}, "tenants/acme"),
        ("POST /v1/webhooks", {}, "webhooks"),
        ("POST /admin/api/keys", {"target": "keys/key_1"}, "keys/key_1"),
        ("sign in", {}, ""),
        ("PUT /elsewhere", {"target": 7}, ""),
    ],
)
def test_what_an_entry_is_about(action: str, detail: dict[str, Any], target: str) -> None:
    assert target_of(action, detail) == target


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (b'{"id": "key_1"}', "/admin/api/keys/key_1"),
        (b'{"id": "a/../b"}', None),
        (b'{"id": 7}', None),
        (b'{"id": "x', None),
        (b"[1]", None),
        (b"", None),
        (b"[" * 100_000, None),
    ],
)
def test_what_was_made_is_found_by_its_id(answer: bytes, place: str | None) -> None:
    assert place_of_new("/admin/api/keys", answer) == place


def test_targets_are_short() -> None:
    assert short("/admin/api/keys/key_1") == "keys/key_1"
    assert short("/v1/webhooks/wh_1") == "webhooks/wh_1"


def test_our_own_secrets_are_hidden_wherever_they_are() -> None:
    key = f"sk-coe-{'k' * 43}"
    kept = json.dumps(shown({"note": f"use {key} please", "list": [key.replace("sk", "ses")]}))
    assert "kkkk" not in kept
    assert shown({"prefix": "sk-coe-abc123"}) == {"prefix": "sk-coe-abc123"}
