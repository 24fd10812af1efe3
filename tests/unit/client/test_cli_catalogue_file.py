"""Catalogue files: what is read, what is refused and where."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.catalogue_file import LARGEST_FILE, FileInvalid, read, write

plain_text = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | plain_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_text, inner, max_size=3),
    max_leaves=10,
)


@given(entries=st.lists(st.dictionaries(plain_text, values, max_size=4), max_size=3))
def test_what_is_written_is_read_again(entries: list[dict[str, Any]]) -> None:
    assert read(write(entries).encode()) == entries


@given(raw=st.binary(max_size=60) | st.text(":{}[]&*-!<> \nab", max_size=40).map(str.encode))
def test_anything_is_read_as_json_or_refused(raw: bytes) -> None:
    try:
        entries = read(b"experts:\n- x: 1\n" + raw)
    except FileInvalid as error:
        message = str(error)
    else:
        message = json.dumps(entries, allow_nan=False)
    assert message


def test_an_entry_in_full() -> None:
    raw = b"""
experts:
  - &base
    id: ada
    provider: openai
    price: {input: 1.5, output: 2}
    description: |
      Two
      lines
    released: 2026-01-02
    tags: [math, "1"]
  - <<: *base
    id: bo
"""
    ada, bo = read(raw)
    assert ada["released"] == "2026-01-02"
    assert ada["description"] == "Two\nlines\n"
    assert bo == ada | {"id": "bo"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("experts:\n- id: a\n  id: b", r"line 3: the key 'id' occurs twice"),
        ("experts:\n- id: a\n  price:\n    input: 1\n    input: 2", r"line 5: the key 'input'"),
        ("experts: []\nexperts: []", r"line 2: the key 'experts' occurs twice"),
        ("experts:\n- {1: x}", r"line 2: a key that is not text"),
        ("experts:\n- {on: x}", r"line 2: a key that is not text"),
        ("experts:\n- x: .nan", r"line 2: a number must be finite"),
        ("experts:\n- x: [.inf]", r"line 2: a number must be finite"),
        ("experts:\n- x: !!python/object/apply:os.system [ls]", r"line 2: .*constructor"),
        ("experts:\n- x: !!binary aGk=", r"line 2: .*constructor"),
        ("experts:\n- x: !!set {a}", r"line 2: .*constructor"),
        ("experts:\n- x: &x [*x]", r"line 2: an alias that holds itself"),
        ("experts:\n- x: *nobody", r"line 2: found undefined alias"),
        ("experts:\n- id: [a", r"line \d+: expected"),
        ("experts:\n\t- id: a", r"line 2: found character"),
        ("experts: []\n---\nexperts: []", r"line 2: but found another document"),
        ("", "key 'experts'"),
        ("- id: a", "key 'experts'"),
        ("experts: {id: a}", "key 'experts'"),
        ("experts: []\nmore: 1", "unknown key 'more'"),
        ("experts: [ada]", r"experts\[0\] is not a mapping"),
        ("experts:\n- id: " + "9" * 5000, "digits"),
        ("experts: " + "[" * 1000, "nested too deeply"),
        ("experts:\n- id: \x00", "special characters"),
    ],
)
def test_what_is_refused_says_where(raw: str, message: str) -> None:
    with pytest.raises(FileInvalid, match=message):
        read(raw.encode())


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(FileInvalid, match="utf-8"):
        read(b"experts: \xff")


def test_a_file_too_large() -> None:
    with pytest.raises(FileInvalid, match="larger than 4 MiB"):
        read(b" " * (LARGEST_FILE + 1))


def test_a_small_file_that_stands_for_a_huge_one() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    began = time.monotonic()
    with pytest.raises(FileInvalid, match="aliases"):
        read("\n".join([*lines, "experts: [{x: *a8}]"]).encode())
    assert time.monotonic() - began < 2
