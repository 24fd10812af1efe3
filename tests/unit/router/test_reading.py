"""Data sets in every shape people have them, and what is wrong with others."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from router.data import Dataset, DatasetInvalid
from router.reading import Fields, _Collected, read_dataset

WIDE: list[dict[str, Any]] = [
    {"id": "1", "prompt": "What is 2+2?", "category": "math", "scores": {"a": 1, "b": 0.5}},
    {"id": "2", "prompt": "Sue him?", "category": "law", "scores": {"a": 0}},
    {"id": "3", "prompt": "Hello", "scores": {"b": 1, "c": None}},
]


def _jsonl(path: Path, rows: Sequence[Any]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def _csv(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list({name: None for row in rows for name in row}))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _check(dataset: Dataset) -> None:
    assert dataset.ids == ("1", "2", "3")
    assert dataset.categories == ("math", "law", None)
    assert dataset.experts == ("a", "b")
    np.testing.assert_array_equal(dataset.scores, [[1, 0.5], [0, np.nan], [np.nan, 1]])


def test_wide_json_lines(tmp_path: Path) -> None:
    _check(read_dataset([_jsonl(tmp_path / "d.jsonl", WIDE)]))
    _check(read_dataset([_jsonl(tmp_path / "d.jsonl.gz", WIDE)]))


def test_wide_csv_and_long_csv(tmp_path: Path) -> None:
    wide = [
        {
            "id": row["id"],
            "prompt": row["prompt"],
            "category": row.get("category", ""),
            **{f"scores.{e}": s for e, s in row["scores"].items() if s is not None},
        }
        for row in WIDE
    ]
    _check(read_dataset([_csv(tmp_path / "wide.csv", wide)]))
    long = [
        {"id": row["id"], "prompt": row["prompt"], "category": row.get("category", ""),
         "expert": expert, "score": score}
        for row in WIDE
        for expert, score in row["scores"].items()
        if score is not None
    ]  # fmt: skip
    _check(read_dataset([_csv(tmp_path / "long.csv", long)]))


def test_parquet_and_several_files(tmp_path: Path) -> None:
    parquet.write_table(pa.Table.from_pylist(WIDE[:2]), tmp_path / "one.parquet")
    two = _jsonl(tmp_path / "two.jsonl", WIDE[2:])
    _check(read_dataset([tmp_path / "one.parquet", two]))


def test_named_fields_and_options(tmp_path: Path) -> None:
    file = _jsonl(
        tmp_path / "d.jsonl",
        [{"q": "Which?", "choices": ["this", "that"], "subject": "logic", "marks": {"m": 1}}],
    )
    fields = Fields(prompt="q", options="choices", category="subject", scores="marks")
    found = read_dataset([file], fields)
    assert found.prompts == ("Which?\nthis\nthat",)
    assert (found.ids, found.categories, found.experts) == (("1",), ("logic",), ("m",))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({}, "prompt: is missing"),
        ({"prompt": 3}, "prompt: is not a text"),
        ({"prompt": "  "}, "prompt"),
        ({"prompt": "x" * 2_000_001}, "prompt: longer"),
        ({"prompt": "x", "category": ["a"]}, "category"),
        ({"prompt": "x", "options": "a"}, "options"),
        ({"prompt": "x", "scores": [1]}, "scores"),
        ({"prompt": "x", "scores": {"a": 1.5}}, "score of 'a': 1.5"),
        ({"prompt": "x", "scores": {"a": -0.1}}, "score of 'a'"),
        ({"prompt": "x", "scores": {"a": "good"}}, "score of 'a'"),
        ({"prompt": "x", "scores": {"a": True}}, "score of 'a'"),
        ({"id": "1", "prompt": "again"}, "'1' is there already"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    file = _jsonl(tmp_path / "d.jsonl", [*WIDE, row])
    with pytest.raises(DatasetInvalid) as caught:
        read_dataset([file])
    assert str(caught.value).startswith("d.jsonl, row 4: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("d.jsonl", b"", "no rows"),
        ("d.jsonl", b"{", "line 1: not JSON"),
        ("d.jsonl", b"[1]\n", "line 1: not an object"),
        ("d.jsonl", b'{"prompt": "\xff"}', "not UTF-8"),
        ("d.jsonl.gz", b"no gzip", "cannot be read"),
        ("d.parquet", b"no parquet", "not a Parquet file"),
        ("d.txt", b"x", "neither"),
        ("d.csv", b"prompt\n\xe9\n", "not UTF-8"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetInvalid, match=says) as caught:
        read_dataset([tmp_path / name])
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match=r"none\.jsonl"):
        read_dataset([tmp_path / "none.jsonl"])


def test_long_rows_that_disagree_are_named(tmp_path: Path) -> None:
    one = {"id": "1", "prompt": "x", "expert": "a", "score": 1}
    for other, says in ((one, "scored twice"), ({**one, "prompt": "y"}, "another prompt")):
        with pytest.raises(DatasetInvalid, match=says):
            read_dataset([_jsonl(tmp_path / "d.jsonl", [one, other])])


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "category", "options", "id", "scores", "expert", "score"]),
        st.none()
        | st.text(max_size=5)
        | st.floats()
        | st.booleans()
        | st.lists(st.text(max_size=3), max_size=3)
        | st.dictionaries(st.text(max_size=3), st.floats() | st.text(max_size=3), max_size=3),
    )
)
def test_no_row_makes_it_stumble(row: dict[str, Any]) -> None:
    collected = _Collected(Fields())
    try:
        collected.add(row)
    except DatasetInvalid:
        return
    made = collected.dataset()
    known = made.scores[~np.isnan(made.scores)]
    assert ((known >= 0) & (known <= 1)).all()


def test_rows_are_chosen_by_number_and_mask() -> None:
    full = Dataset(("a", "b"), ("x", "y"), (None, "k"), ("e",), np.array([[0.0], [1.0]]))
    for chosen in (full.rows([1]), full.rows(np.array([False, True]))):
        assert (chosen.ids, chosen.categories, chosen.scores.tolist()) == (("b",), ("k",), [[1.0]])
    with pytest.raises(DatasetInvalid, match="scores"):
        Dataset(("a",), ("x",), (None,), ("e",), np.zeros((2, 1)))
