"""From feedback to candidate scores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.feedback.schemas import normalised
from orchestrator.feedback.scores import FeedbackRow, ScoreRow, UsageRow, feedback_scores

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def said(request: str, rating: float | None = None, key: str = "k1", **more: Any) -> FeedbackRow:
    fields = {"corrected_category": None, "prefers_other": False, "created_at": NOON, **more}
    return FeedbackRow(request_id=request, key_id=key, rating=rating, **fields)


def used(request: str, **more: Any) -> UsageRow:
    fields = {"category": "math", "expert": "ada", "status": "ok", **more}
    return UsageRow(request_id=request, **fields)


def only(rows: list[ScoreRow]) -> ScoreRow:
    assert len(rows) == 1
    return rows[0]


def test_ratings_become_a_mean_with_a_standard_error() -> None:
    row = only(feedback_scores([said("r1", 1), said("r2", -1)], [used("r1"), used("r2")]))
    assert (row.category, row.expert, row.n, row.source) == ("math", "ada", 2, "feedback")
    assert row.mean == pytest.approx(0.5)
    # Two real observations and two invented ones, all half a point away: 0.5 / sqrt(2).
    assert row.se == pytest.approx(0.5 / 2**0.5)


def test_a_few_thumbs_up_are_no_certainty_and_many_are_more() -> None:
    def error(n: int) -> float:
        rows = [said(f"r{i}", 1, key=f"k{i}") for i in range(n)]
        row = only(feedback_scores(rows, [used(f"r{i}") for i in range(n)]))
        assert row.mean == 1.0
        return row.se

    assert error(1) > 0.5 > error(3) > error(30) > 0.0


def test_the_latest_word_of_a_key_counts() -> None:
    early = said("r1", -1, created_at=NOON - timedelta(hours=1))
    for order in ([early, said("r1", 1)], [said("r1", 1), early]):
        row = only(feedback_scores(order, [used("r1")]))
        assert (row.n, row.mean) == (1, 1.0)


def test_a_request_is_one_observation_whoever_rates_it() -> None:
    row = only(feedback_scores([said("r1", 1, "k1"), said("r1", 0, "k2")], [used("r1")]))
    assert (row.n, row.mean) == (1, pytest.approx(0.75))


def test_a_loud_key_does_not_outvote_the_others() -> None:
    loud = [said(f"l{i}", -1, "loud") for i in range(100)]
    quiet = [said(f"q{i}", 1, f"quiet{i}") for i in range(10)]
    requests = [used(row.request_id) for row in (*loud, *quiet)]
    row = only(feedback_scores(loud + quiet, requests))
    assert row.mean == pytest.approx(0.5)  # the root of a hundred against ten
    assert row.n == 110


def test_a_corrected_category_moves_the_observation() -> None:
    rows = feedback_scores([said("r1", 1, corrected_category="law")], [used("r1")])
    assert only(rows).category == "law"
    # A correction alone judges the router, not the expert.
    assert feedback_scores([said("r1", corrected_category="law")], [used("r1")]) == []


def test_another_answer_preferred_is_half_an_observation() -> None:
    rows = [said("r1", None, prefers_other=True), said("r2", 1, "k2")]
    row = only(feedback_scores(rows, [used("r1"), used("r2")]))
    assert row.mean == pytest.approx(1 / 1.5)


@pytest.mark.parametrize(
    "request_", [{"status": "failed"}, {"status": "cancelled"}, {"expert": None}]
)
def test_what_was_not_answered_says_nothing(request_: dict[str, Any]) -> None:
    assert feedback_scores([said("r1", 1)], [used("r1", **request_)]) == []


def test_what_nobody_decided_and_nobody_corrected_has_no_category() -> None:
    assert feedback_scores([said("r1", 1)], [used("r1", category=None)]) == []
    assert feedback_scores([said("other", 1)], [used("r1")]) == []


_ROWS = st.lists(
    st.builds(
        said,
        st.sampled_from(["r1", "r2", "r3", "r4"]),
        st.none() | st.floats(-1, 1),
        st.sampled_from(["k1", "k2"]),
        corrected_category=st.none() | st.sampled_from(["law", "math"]),
        prefers_other=st.booleans(),
        created_at=st.datetimes(timezones=st.just(UTC)),
    )
)
_USED = [used("r1"), used("r2", expert="bo"), used("r3", category="law"), used("r4")]


@given(_ROWS, st.randoms())
def test_scores_are_scores_in_any_order(rows: list[FeedbackRow], random: Any) -> None:
    found = feedback_scores(rows, _USED)
    for row in found:
        assert 0.0 <= row.mean <= 1.0
        assert 0.0 < row.se < inf
        assert 1 <= row.n <= 4
    cells = [(row.category, row.expert) for row in found]
    assert cells == sorted(set(cells))
    moments = [row.created_at for row in rows]
    if len(set(moments)) == len(moments):
        shuffled = list(rows)
        random.shuffle(shuffled)
        again = feedback_scores(shuffled, _USED)
        assert [(r.category, r.expert, r.n) for r in again] == [
            (*c, r.n) for c, r in zip(cells, found, strict=True)
        ]
        assert [r.mean for r in again] == pytest.approx([r.mean for r in found])


@pytest.mark.parametrize(
    ("rating", "scale", "expected"),
    [(-1, "unit", -1), (0.5, "unit", 0.5), (1, "stars", -1), (3, "stars", 0), (5, "stars", 1)],
)
def test_ratings_are_normalised(rating: float, scale: Any, expected: float) -> None:
    assert normalised(rating, scale) == pytest.approx(expected)


@pytest.mark.parametrize(("rating", "scale"), [(5, "unit"), (-1.01, "unit"), (0, "stars")])
def test_a_rating_outside_its_scale_is_refused(rating: float, scale: Any) -> None:
    with pytest.raises(ValueError, match="a rating is"):
        normalised(rating, scale)
