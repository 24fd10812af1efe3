"""What a router is worth on prompts it was not learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from router.learning import NotMeasured, Plan, learn, measured, remembered, usual_folds
from tests.unit.router.learning.conftest import EMBEDDER, PRICES, make_data


@pytest.mark.parametrize(("folds", "n"), [(1, 48), (3, 240)])
def test_every_held_out_prompt_is_judged_once(folds: int, n: int) -> None:
    plan = Plan(prices=PRICES, budgets=(("small", 15.0),))
    report = measured(make_data(), EMBEDDER, plan, folds=folds)
    assert report["n"] == report["held_out"]["n"] == n
    assert report["held_out"]["of"] == 240
    assert report["category_accuracy"] > 0.95
    assert report["policies"]["quality"]["quality"] > 0.75
    spent = {name: each["active_parameters"] for name, each in report["policies"].items()}
    assert spent["small"] < spent["quality"]
    assert report["policies"]["quality"]["cost"] > 0


def test_discovered_categories_are_not_compared_with_each_other() -> None:
    data = make_data(120, labelled=0)
    report = measured(data, EMBEDDER, Plan(discover=3), folds=2)
    assert report["category_accuracy"] is None
    assert report["policies"]["quality"]["quality"] > 0.6


def test_without_scores_the_categories_are_measured() -> None:
    data = make_data(120)
    data = replace(data, experts=(), scores=np.empty((120, 0)))
    report = measured(data, EMBEDDER, Plan(), folds=2)
    assert report["category_accuracy"] > 0.95
    assert report["policies"] == {}


def test_a_part_that_teaches_too_little_is_no_report() -> None:
    data = make_data(60)
    scores = np.where(np.arange(60)[:, None] > 0, data.scores, 1.0)
    scores[1:, 2] = np.nan  # one expert is scored on one prompt alone
    with pytest.raises(NotMeasured, match="no scores of cook"):
        measured(replace(data, scores=scores), EMBEDDER, Plan(), folds=5)


def test_an_embedder_that_remembers_learns_the_same() -> None:
    data = make_data(90)
    known = remembered(data, EMBEDDER)
    assert remembered(data, known) is known
    assert learn(data, known).content_hash == learn(data, EMBEDDER).content_hash
    np.testing.assert_array_equal(known.embed(["new"]), EMBEDDER.embed(["new"]))


def test_few_prompts_are_cross_validated_and_many_are_not() -> None:
    assert [usual_folds(n) for n in (5, 20, 1500, 1501, 10**6)] == [0, 5, 5, 1, 1]
