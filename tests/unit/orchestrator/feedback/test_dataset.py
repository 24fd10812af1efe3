"""From feedback to a data set that routers are learned from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.feedback.dataset import dataset, json_lines
from orchestrator.feedback.scores import FeedbackRow, UsageRow
from router.reading import read_dataset

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
TEXT = "What is a tort?"


def said(request: str, rating: float | None = None, key: str = "k1", **more: Any) -> FeedbackRow:
    fields = {"corrected_category": None, "prefers_other": False, "created_at": NOON, **more}
    return FeedbackRow(request_id=request, key_id=key, rating=rating, **fields)


def used(request: str, expert: str = "ada", **more: Any) -> UsageRow:
    fields = {"category": "law", "status": "ok", "confidence": 0.9, **more}
    return UsageRow(request_id=request, expert=expert, **fields)


def test_a_prompt_is_one_row_with_a_score_of_each_expert() -> None:
    usage = [used("r1"), used("r2", "bo"), used("r3"), used("r4")]
    texts = dict.fromkeys(("r1", "r2", "r3"), TEXT) | {"r4": "Something else"}
    feedback = [said("r1", 1), said("r2", -1), said("r3", 0, "k2"), said("r4", 0.5)]
    first, second = dataset(feedback, usage, texts)
    assert first == {
        "id": "r1",
        "prompt": TEXT,
        "requests": 3,
        "category": "law",
        "labelled_by": "router",
        "scores": {"ada": 0.75, "bo": 0.0},
    }
    assert (second["prompt"], second["scores"]) == ("Something else", {"ada": 0.75})


def test_asking_again_and_again_adds_little() -> None:
    usage = [used(f"r{n}") for n in range(101)]
    feedback = [said(f"r{n}", -1, "loud") for n in range(100)] + [said("r100", 1, "quiet")]
    (row,) = dataset(feedback, usage, {one.request_id: TEXT for one in usage})
    assert row["scores"]["ada"] == pytest.approx(1 / 11, abs=1e-4)


def test_only_answers_to_known_texts_count() -> None:
    usage = [used("failed", status="failed"), used("silent"), used("none", category=None)]
    feedback = [said("failed", 1), said("silent", 1), said("unknown", 1), said("none", 1)]
    (row,) = dataset(feedback, usage, {"failed": TEXT, "none": f"  {TEXT}\n"})
    assert row == {"id": "none", "prompt": TEXT, "requests": 1, "scores": {"ada": 1.0}}


def test_a_correction_labels_and_an_unsure_router_does_not() -> None:
    usage = [used("r1"), used("r2", confidence=0.3), used("r3", confidence=None)]
    texts = {"r1": "one", "r2": "two", "r3": "three"}
    feedback = [
        said("r1", corrected_category="math"),
        said("r1", 1, "k2", corrected_category="math"),
        said("r1", 1, "k3", corrected_category="code"),
        said("r2", 1),
        said("r3", corrected_category="code"),
    ]
    rows = {row["prompt"]: row for row in dataset(feedback, usage, texts)}
    assert (rows["one"]["category"], rows["one"]["labelled_by"]) == ("math", "caller")
    assert "category" not in rows["two"]
    assert (rows["three"]["category"], rows["three"]["scores"]) == ("code", {})


def test_a_preferred_request_compares_two_experts_on_the_same_prompt() -> None:
    usage = [used("r1"), used("r2", "bo"), used("r3", "cy"), used("r4")]
    texts = {"r1": TEXT, "r2": TEXT, "r3": "another prompt", "r4": TEXT}
    later = NOON + timedelta(minutes=1)
    feedback = [
        said("r1", prefers_other=True, preferred_request="r2"),
        said("r4", prefers_other=True, preferred_request="r2", created_at=later),  # said again
        said("r2", 1, "k2", prefers_other=True, preferred_request="r1"),
        said("r1", None, "k3", prefers_other=True, preferred_request="r3"),
        said("r1", None, "k4", prefers_other=True, preferred_request="r4"),
    ]
    (row,) = dataset(feedback, usage, texts)
    assert row["comparisons"] == [
        {"a": "bo", "b": "ada", "winner": "a"},
        {"a": "ada", "b": "bo", "winner": "a"},
    ]
    # What compares nothing is a wish for another answer, as ever.
    assert row["scores"] == {"ada": 0.0, "bo": 1.0}


def test_the_answer_that_came_first_is_named_first() -> None:
    usage = [used("r1", "zoe"), used("r2", "ada")]
    texts = dict.fromkeys(("r1", "r2"), TEXT)
    (row,) = dataset([said("r1", prefers_other=True, preferred_request="r2")], usage, texts)
    assert row["comparisons"] == [{"a": "zoe", "b": "ada", "winner": "b"}]
    (row,) = dataset([said("r2", prefers_other=True, preferred_request="r1")], usage, texts)
    assert row["comparisons"] == [{"a": "zoe", "b": "ada", "winner": "a"}]


def test_the_trainer_reads_what_is_written(tmp_path: Path) -> None:
    usage = [used("r1"), used("r2", "bo"), used("r3", "bo"), used("r4"), used("r5", "bo")]
    feedback = [
        said("r1", 1),
        said("r2", -1),
        said("r3", 0, corrected_category="math"),
        said("r4", prefers_other=True, preferred_request="r5", corrected_category="math"),
    ]
    texts = {"r1": TEXT, "r2": TEXT, "r3": "17 * 23 \N{SNOWMAN}\nin words"}
    texts |= dict.fromkeys(("r4", "r5"), "only compared")
    file = tmp_path / "feedback.jsonl"
    file.write_bytes(json_lines(feedback, usage, texts))
    read = read_dataset([file])
    assert read.prompts == (TEXT, "17 * 23 \N{SNOWMAN}\nin words", "only compared")
    assert read.categories == ("law", "math", "math")
    assert read.experts == ("ada", "bo")
    expected = [[1.0, 0.0], [np.nan, 0.5], [0.0, 1.0]]
    assert np.array_equal(read.scores, expected, equal_nan=True)


def test_nothing_said_is_no_line() -> None:
    assert json_lines([], [], {}) == b""
    assert json_lines([said("r1", corrected_category=None)], [used("r1")], {"r1": TEXT}) == b""


@given(
    st.lists(
        st.builds(
            FeedbackRow,
            request_id=st.sampled_from(["r1", "r2", "r3"]),
            key_id=st.sampled_from(["k1", "k2"]),
            rating=st.none() | st.floats(-1, 1),
            corrected_category=st.none() | st.sampled_from(["math", "law"]),
            prefers_other=st.booleans(),
            created_at=st.datetimes(timezones=st.just(UTC)),
            preferred_request=st.none() | st.sampled_from(["r1", "r2", "r3", "gone"]),
        )
    ),
    st.dictionaries(st.sampled_from(["r1", "r2", "r3"]), st.text(max_size=5)),
)
def test_every_row_can_be_learned_from(rows: list[FeedbackRow], texts: dict[str, str]) -> None:
    usage = [used("r1"), used("r2", "bo"), used("r3", "ada", category=None)]
    found = [json.loads(line) for line in json_lines(rows, usage, texts).splitlines()]
    assert found == dataset(rows, usage, texts)
    assert len({row["prompt"] for row in found}) == len(found)
    for row in found:
        assert row["prompt"].strip()
        assert row["scores"] or row.get("comparisons") or row["labelled_by"] == "caller"
        assert all(0 <= score <= 1 for score in row["scores"].values())
        for one in row.get("comparisons", []):
            assert {one["a"], one["b"]} == {"ada", "bo"}
