"""A judge's verdicts as scores, and files that are wrong in ways people's files are."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router.data import DatasetInvalid
from router.quality.bias import position_bias
from router.quality.judgements import Judgement
from router.reading import read_dataset


def _file(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _compared(a: str, b: str, winner: str, order: str | None = None) -> dict[str, str]:
    return {"a": a, "b": b, "winner": winner} | ({"order": order} if order else {})


def test_verdicts_become_scores_in_both_orders_beside_grades(tmp_path: Path) -> None:
    rows = [
        {"prompt": "one", "comparisons": [_compared("x", "y", "a"), _compared("x", "z", "tie")]},
        {"prompt": "two", "comparisons": [
            _compared("x", "y", "a", "ab"), _compared("x", "y", "b", "ba"),
        ]},
        {"prompt": "three", "scores": {"x": 0.25}, "comparisons": [_compared("x", "y", "b")]},
    ]  # fmt: skip
    found = read_dataset([_file(tmp_path / "d.jsonl", rows)])
    order = [found.experts.index(expert) for expert in "xyz"]
    expected = [[0.75, 0.0, 0.5], [0.5, 0.5, np.nan], [0.25, 1.0, np.nan]]
    np.testing.assert_array_equal(found.scores[:, order], expected)
    assert found.judged is not None
    assert (found.judged["verdicts"], found.judged["both_orders"]) == (5, 1)
    assert found.judged["first_wins"] == 1.0, "whoever was first won, in both orders"
    assert found.rows([0]).judged == found.judged


def test_long_verdicts_in_csv_gather_by_prompt(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", "category", "a", "b", "winner"])
        writer.writerow(["one", "law", "x", "y", "a"])
        writer.writerow(["one", "", "x", "z", "b"])
        writer.writerow(["two", "law", "y", "z", "tie"])
    found = read_dataset([path])
    assert (found.prompts, found.categories) == (("one", "two"), ("law", "law"))
    np.testing.assert_array_equal(found.scores, [[0.5, 0.0, 1.0], [np.nan, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"comparisons": "x"}, "comparisons: is not a list"),
        ({"comparisons": [1]}, r"comparisons\[0\]: is not an object"),
        ({"comparisons": [_compared("x", "y", "x")]}, r"comparisons\[0\]\.winner: 'x'"),
        ({"comparisons": [{"a": "x", "winner": "a"}]}, r"comparisons\[0\]\.b: is missing"),
        ({"comparisons": [_compared("x", "x", "a")]}, r"comparisons\[0\]\.b: 'x' is compared"),
        ({"comparisons": [_compared("x", "y", "a", "up")]}, r"comparisons\[0\]\.order: 'up'"),
        ({"a": "x", "winner": "a"}, "b: is missing"),
        ({"a": "x", "b": "y", "winner": "c"}, "winner: 'c' is not a, b or tie"),
        ({"prompt": "half \ud83d"}, "prompt: holds half of a character"),
    ],
)
def test_a_wrong_verdict_is_named(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    rows = [{"prompt": "fine"}, {"prompt": "p", **row}]
    with pytest.raises(DatasetInvalid, match=rf"d\.jsonl, row 2: {says}"):
        read_dataset([_file(tmp_path / "d.jsonl", rows)])


def test_a_fair_judge_is_told_from_one_who_prefers_the_first() -> None:
    fair = [
        Judgement(row, first, second, "win" if first == "x" else "loss")
        for row in range(20)
        for first, second in (("x", "y"), ("y", "x"))
    ]
    found = position_bias(fair)
    assert found is not None
    assert (found.both_orders, found.consistent, found.first_wins) == (20, 20, 0.5)
    biased = position_bias(Judgement(each.row, each.first, each.second, "win") for each in fair)
    assert biased is not None
    assert (biased.consistent, biased.first_wins, biased.first_wins_ci95) == (0, 1.0, (1.0, 1.0))
    assert position_bias([]) is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("d.jsonl", b'{"prompt": "a"}\n' + '{"prompt": "é"}'.encode("latin-1"), "line 2: not UTF-8"),
        ("d.csv", "prompt\na\nb\né\n".encode("latin-1"), "line 4: not UTF-8"),
        ("d.jsonl", '{"prompt": "a"}'.encode("utf-16"), "line 1: not UTF-8"),
        ("d.csv", b"prompt,scores.x\na,1,2\n", "line 2: more fields than the 2 columns"),
        ("d.csv", b"prompt,prompt\na,b\n", "two columns 'prompt'"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetInvalid, match=says) as caught:
        read_dataset([tmp_path / name])
    assert name in str(caught.value)


def test_two_labels_of_one_prompt_are_named(tmp_path: Path) -> None:
    rows = [
        {"prompt": "p", "category": label, "expert": expert, "score": 1}
        for label, expert in (("law", "x"), ("health", "y"))
    ]
    with pytest.raises(DatasetInvalid, match="category: 'p' is 'health' here, and 'law' above"):
        read_dataset([_file(tmp_path / "d.jsonl", rows)])


def test_a_prompt_of_a_megabyte_is_read(tmp_path: Path) -> None:
    long = "word " * 210_000
    path = tmp_path / "d.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "category"], [long, "law"]])
    assert read_dataset([path]).prompts == (long,)
    assert read_dataset([_file(tmp_path / "d.jsonl", [{"prompt": long}])]).prompts == (long,)
