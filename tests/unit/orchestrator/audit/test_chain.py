"""The audit log's chain, and what it keeps of bodies."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.audit.chain import GENESIS, Entry, Linked, first_break, linked
from orchestrator.audit.redaction import kept_of

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"))


def chain_of(details: list[str]) -> list[Linked]:
    links: list[Linked] = []
    for number, detail in enumerate(details, 1):
        entry = Entry(number, MOMENT, "done", "key_1", "é", "::1", "r", "PUT /x", 200, detail)
        links.append(linked(entry, links[-1].hash if links else GENESIS))
    return links


@given(st.lists(TEXTS, max_size=8))
def test_what_was_written_holds(details: list[str]) -> None:
    assert first_break(chain_of(details)) is None


@given(st.lists(TEXTS, min_size=1, max_size=8), st.data())
def test_a_changed_entry_is_found_where_it_is(details: list[str], data: st.DataObject) -> None:
    chain = chain_of(details)
    place = data.draw(st.integers(0, len(chain) - 1))
    change = data.draw(
        st.sampled_from(
            [
                {"detail": details[place] + "x"},
                {"actor": "another"},
                {"status": None},
                {"at": MOMENT + timedelta(microseconds=1)},
                {"event": "refused"},
                {"address": ""},
            ]
        )
    )
    chain[place] = replace(chain[place], entry=replace(chain[place].entry, **change))
    broken = first_break(chain)
    assert broken is not None
    assert broken.number == place + 1


@given(st.lists(TEXTS, min_size=2, max_size=8), st.data())
def test_a_removed_entry_is_missed(details: list[str], data: st.DataObject) -> None:
    chain = chain_of(details)
    del chain[data.draw(st.integers(0, len(chain) - 2))]
    assert first_break(chain) is not None


def test_an_entry_made_anew_with_its_hash_breaks_the_next() -> None:
    chain = chain_of(["a", "b", "c"])
    chain[1] = linked(replace(chain[1].entry, detail="B"), chain[1].previous)
    broken = first_break(chain)
    assert broken is not None
    assert (broken.number, broken.reason) == (3, "it does not follow entry 2")


def test_a_part_of_a_chain_can_be_checked() -> None:
    chain = chain_of(["a", "b", "c"])
    assert first_break(chain[1:], after=1, previous=chain[0].hash) is None
    assert first_break(chain[1:]) is not None


def test_time_zones_say_the_same_moment() -> None:
    entry = chain_of(["a"])[0].entry
    local = replace(entry, at=MOMENT.astimezone())
    assert linked(local, GENESIS).hash == linked(entry, GENESIS).hash


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("password", "hunter2"),
        ("api_key", "sk-coe-abc"),
        ("client_secret", "s"),
        ("Authorization", "Bearer x"),
        ("access_token", ["x"]),
    ],
)
def test_secrets_are_not_kept(field: str, value: object) -> None:
    body = json.dumps({"name": "n", "deep": [{field: value}]}).encode()
    kept = kept_of("/admin/api/experts", body, complete=True)["body"]
    assert kept == {"name": "n", "deep": [{field: "***"}]}


def test_references_and_limits_of_that_name_are_kept() -> None:
    body = b'{"api_key": {"env": "OPENAI_API_KEY"}, "max_tokens": 5}'
    kept = kept_of("/admin/api/experts", body, complete=True)["body"]
    assert kept == {"api_key": {"env": "OPENAI_API_KEY"}, "max_tokens": 5}


def test_nothing_at_all_is_kept_of_a_stored_secret() -> None:
    assert kept_of("/admin/api/secrets/openai", b'{"value": "s3cret"}', complete=True) == {}


@given(st.binary(max_size=200))
def test_any_body_can_be_kept(body: bytes) -> None:
    json.dumps(kept_of("/admin/api/x", body, complete=True))


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_what_is_kept_stays_small(value: object) -> None:
    body = json.dumps(value).encode()
    kept = kept_of("/admin/api/x", body, complete=True)
    assert len(json.dumps(kept)) < 5_000
