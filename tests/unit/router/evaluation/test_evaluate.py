import json
from typing import Any

import numpy as np
import pytest

from router.data import Dataset
from router.evaluation import (
    Beside,
    Predictions,
    Prices,
    attack,
    compare,
    evaluate,
    robustness,
)
from router.evaluation.tradeoff import arena_score
from tests.unit.router.evaluation.cases import PRICES, data, said

DATA, SAID = data(), said()
REPORT = evaluate(DATA, SAID, PRICES)
NOTHING = {"active_parameters": None, "cost": None}


def two_experts(missing: float = 0.0) -> tuple[Dataset, Predictions]:
    whole = data()
    scores = whole.scores[:, [0, 2]]
    scores[np.random.default_rng(0).random(scores.shape) < missing] = np.nan
    pair = Dataset(whole.ids, whole.prompts, whole.categories, ("small", "large"), scores)
    quality = np.column_stack((np.full(240, 0.3), np.where(np.arange(240) % 3 == 1, 0.8, 0.5)))
    return pair, Predictions({"quality": quality.argmax(axis=1)}, quality)


def test_holds_what_is_promised_and_only_what_json_holds() -> None:
    promised = {
        "n", "random", "best_single", "perfect_category", "oracle", "category_accuracy", "policies",
        "apgr", "frontier", "oos", "decide_us",
    }  # fmt: skip
    assert promised <= set(REPORT)
    assert {"expert", "quality"} <= set(REPORT["best_single"])
    for policy in REPORT["policies"].values():
        assert {"quality", "gain", "ci95", "active_parameters", "cost"} <= set(policy)
    assert {"p50", "p99"} <= set(REPORT["decide_us"])
    assert json.loads(json.dumps(REPORT, allow_nan=False)) == REPORT


def test_figures_by_hand() -> None:
    scores = DATA.scores
    assert REPORT["n"] == 240
    assert REPORT["random"] == pytest.approx(scores.mean())
    assert REPORT["best_single"]["expert"] == "large"
    assert REPORT["best_single"]["quality"] == pytest.approx(scores[:, 2].mean())
    assert REPORT["best_single"]["active_parameters"] == 70
    assert REPORT["oracle"] == pytest.approx(scores.max(axis=1).mean())
    kind = np.arange(240) % 3
    perfect = np.where(kind == 0, scores[:, 1], scores[:, 2])
    assert REPORT["perfect_category"] == pytest.approx(perfect.mean())
    assert REPORT["perfect_category_from"] == "same prompts"
    policy = REPORT["policies"]["quality"]
    choices = SAID.choices["quality"]
    reached = scores[np.arange(240), choices]
    assert policy["quality"] == pytest.approx(reached.mean())
    assert policy["gain"] == pytest.approx(reached.mean() - scores[:, 2].mean())
    assert policy["ci95"][0] < policy["gain"] < policy["ci95"][1]
    assert policy["active_parameters"] == pytest.approx(np.array([3, 7, 70])[choices].mean())
    assert policy["cost"] == pytest.approx(np.array([1e-4, 2e-4, 5e-3])[choices].mean())
    assert sum(policy["shares"].values()) == pytest.approx(1)
    assert REPORT["policies"]["economy"]["cost"] < policy["cost"]
    assert REPORT["decide_us"] == {"p50": pytest.approx(100), "p99": pytest.approx(100), "n": 50}
    assert REPORT["experts"]["coder"]["n"] == 240
    assert REPORT["measured"] == 1.0


def test_categories_and_what_is_out_of_scope() -> None:
    kind = np.arange(240) % 3
    assert SAID.probabilities is not None
    right = SAID.probabilities.argmax(axis=1)[kind < 2] == kind[kind < 2]
    assert REPORT["category_accuracy"] == pytest.approx(right.mean())
    assert REPORT["labelled"] == 160
    assert REPORT["unknown_labels"] == 0
    assert np.sum(REPORT["confusion"]["counts"]) == 160
    assert REPORT["oos"]["n_out_of_scope"] == 80
    assert REPORT["oos"]["auroc"] > 0.8
    assert REPORT["risk_coverage"]["n"] == 240
    assert REPORT["risk_coverage"]["points"][-1][1] > REPORT["risk_coverage"]["points"][5][1]
    names = [entry["category"] for entry in REPORT["per_category"]]
    assert names == ["coding", "law"]
    coding = REPORT["per_category"][0]
    assert coding["n"] == 80
    assert coding["best_expert"] == "coder"
    assert 0.8 < coding["recall"] < 1
    assert coding["policies"]["quality"]["verdict"] in ("win", "tie")


def test_frontier_runs_from_the_cheapest_to_the_best() -> None:
    points = REPORT["frontier"]
    assert REPORT["frontier_axis"] == "active_parameters"
    assert set(REPORT["frontiers"]) == {"active_parameters", "cost"}
    sizes = [point["active_parameters"] for point in points]
    assert sizes == sorted(sizes)
    assert points[0]["active_parameters"] == 3
    assert points[0]["weight"] is None, "the cheapest has no finite weight"
    assert points[-1]["quality"] == REPORT["policies"]["quality"]["quality"]
    assert 0 < REPORT["aiq"] < 1


def test_training_data_decide_what_perfect_categories_choose() -> None:
    train = data(seed=5)
    flipped = Dataset(train.ids, train.prompts, train.categories, train.experts, 1.0 - train.scores)
    honest = evaluate(DATA, SAID, None, Beside(train=train), draws=20)
    misled = evaluate(DATA, SAID, None, Beside(train=flipped), draws=20)
    assert honest["perfect_category_from"] == "training"
    assert honest["perfect_category"] == REPORT["perfect_category"]
    assert misled["perfect_category"] < 0.5


def test_two_experts() -> None:
    pair, predictions = two_experts()
    found = evaluate(pair, predictions, draws=50)
    assert (found["two_experts"]["weak"], found["two_experts"]["strong"]) == ("small", "large")
    assert found["apgr"] == found["two_experts"]["apgr"] > 0.5
    low, high = found["two_experts"]["apgr_ci95"]
    assert low < found["apgr"] < high
    assert set(found["two_experts"]["cpt"]) == {"20", "50", "80"}
    assert REPORT["apgr"] is None


def test_missing_scores_are_left_out_not_counted_as_wrong() -> None:
    pair, predictions = two_experts(missing=0.4)
    found = evaluate(pair, predictions, draws=50)
    known = pair.scores[:, 1][np.isfinite(pair.scores[:, 1])]
    assert found["best_single"]["quality"] == pytest.approx(known.mean())
    assert found["policies"]["quality"]["n"] < 240
    assert found["measured"] == pytest.approx(0.6, abs=0.05)


def test_extras_are_passed_on() -> None:
    changed = robustness(len, DATA.prompts[:5])
    fooled = attack(lambda _text: 0.0, lambda _text: False, DATA.prompts[:8])
    methods = {"always large": np.tile([0.0, 0.0, 1.0], (240, 1))}
    found = evaluate(DATA, SAID, None, Beside(None, methods, changed, fooled), draws=20)
    assert found["robustness"] == changed
    assert found["attack"]["prefix"] == ""
    assert found["baselines"]["always large"]["gain"] == 0
    assert found["baselines"]["always large"]["active_parameters"] is None
    assert found["frontier"] == []
    assert found["policies"]["quality"]["cost"] is None


def test_policies_are_set_against_peers_prompt_by_prompt() -> None:
    methods = {"always large": np.tile([0.0, 0.0, 1.0], (240, 1))}
    found = evaluate(DATA, SAID, PRICES, Beside(baselines=methods))
    peer = found["baselines"]["always large"]
    assert peer["active_parameters"] == 70
    policy = found["policies"]["quality"]
    gap = peer["against"]["quality"]
    assert gap["difference"] == pytest.approx(policy["quality"] - peer["quality"])
    assert gap["ci95"] == policy["ci95"], "the peer is the best single expert"
    assert set(peer["against"]) == {"quality", "economy"}


def test_experts_of_unknown_size_are_not_on_the_frontier() -> None:
    sizes = Prices(active_parameters=np.array([3.0, np.nan, 70.0]))
    found = evaluate(DATA, SAID, sizes, draws=20)
    front = found["frontiers"]["active_parameters"]
    assert front["without"] == ["coder"]
    assert front["points"][0]["active_parameters"] == 3
    assert all(point["active_parameters"] is not None for point in front["points"])
    assert found["policies"]["quality"]["active_parameters"] is None, "it asks the coder as well"
    assert found["experts"]["large"]["active_parameters"] == 70
    one = evaluate(DATA, SAID, Prices(active_parameters=np.array([3.0, np.nan, np.nan])), draws=20)
    assert one["frontier"] == []


def test_two_experts_without_costs_are_traded_by_strong_calls() -> None:
    pair, predictions = two_experts()
    found = evaluate(pair, predictions, draws=20)
    assert found["frontier_axis"] == "strong_share"
    shares = [point["strong_share"] for point in found["frontier"]]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] <= 1


def test_money_is_scored_as_in_routerarena() -> None:
    best = REPORT["best_single"]
    assert best["routerarena"] == pytest.approx(arena_score(best["quality"], 5.0))
    assert REPORT["experts"]["large"]["routerarena"] == best["routerarena"]
    assert evaluate(DATA, SAID, draws=20)["best_single"]["routerarena"] is None


def test_choices_alone_or_labels_alone_are_enough() -> None:
    bare = Dataset(DATA.ids, DATA.prompts, (None,) * 240, DATA.experts, DATA.scores)
    found = evaluate(bare, Predictions(SAID.choices), draws=20)
    assert found["policies"]["quality"]["quality"] == REPORT["policies"]["quality"]["quality"]
    for key in ("perfect_category", "category_accuracy", "oos", "risk_coverage", "decide_us"):
        assert found[key] is None, key
    labels = Dataset(DATA.ids, DATA.prompts, DATA.categories, (), np.empty((240, 0)))
    only = Predictions({}, None, SAID.categories, SAID.probabilities, SAID.uncertainty)
    found = evaluate(labels, only, draws=20)
    assert found["category_accuracy"] == REPORT["category_accuracy"]
    assert found["oos"] == REPORT["oos"]
    assert found["best_single"] is None
    unmeasured = Dataset(
        DATA.ids, DATA.prompts, DATA.categories, DATA.experts, np.full((240, 3), np.nan)
    )
    assert evaluate(unmeasured, SAID, PRICES, draws=20)["oracle"] is None


def test_labels_the_router_does_not_know_are_counted_apart() -> None:
    renamed = tuple("finance" if each == "law" else each for each in DATA.categories)
    other = Dataset(DATA.ids, DATA.prompts, renamed, DATA.experts, DATA.scores)
    found = evaluate(other, SAID, draws=20)
    assert (found["labelled"], found["unknown_labels"]) == (80, 80)
    nobody = Dataset(DATA.ids, DATA.prompts, ("x",) * 240, DATA.experts, DATA.scores)
    found = evaluate(nobody, SAID, draws=20)
    assert found["category_accuracy"] is None
    assert found["oos"] is None


def test_compares_two_versions_on_the_same_prompts() -> None:
    worse = said(right=0.5)
    found = compare(DATA, worse, SAID, PRICES)
    quality = found["policies"]["quality"]
    assert quality["verdict"] == "win"
    assert quality["difference"] == pytest.approx(quality["candidate"] - quality["current"])
    assert 0.1 < quality["changed"] < 0.9
    assert found["category_accuracy"]["verdict"] == "win"
    assert found["category_accuracy"]["n"] == 160
    assert quality["spent"]["candidate"]["active_parameters"] > 0
    same = compare(DATA, SAID, SAID)
    assert same["policies"]["quality"] == {
        "current": quality["candidate"],
        "candidate": quality["candidate"],
        "difference": 0.0,
        "ci95": [0.0, 0.0],
        "verdict": "tie",
        "n": 240,
        "changed": 0.0,
        "spent": dict.fromkeys(("current", "candidate"), NOTHING),
    }
    with pytest.raises(ValueError, match="no policy in common"):
        compare(DATA, Predictions({"a": SAID.choices["quality"]}), SAID)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"said": Predictions({"q": np.zeros(3, dtype=int)})}, "3 choices of 'q'"),
        ({"said": Predictions({"q": np.full(240, 3)})}, "not one of 3 experts"),
        ({"said": Predictions({}, np.zeros((240, 2)))}, "predicted quality"),
        ({"said": Predictions({}, None, ("a",), np.ones((2, 1)))}, "2 rows of probabilities"),
        ({"prices": Prices(None, np.ones(2))}, "active parameters for 3"),
        ({"prices": Prices(np.ones((5, 3)))}, "costs"),
        ({"beside": Beside(Dataset((), (), (), ("x",), np.empty((0, 1))))}, "different experts"),
        ({"data": Dataset((), (), (), ("x",), np.empty((0, 1)))}, "no prompts"),
    ],
)
def test_refuses_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(**({"data": DATA, "said": SAID} | change))


def test_predictions_fit_together() -> None:
    with pytest.raises(ValueError, match="equally many"):
        Predictions({"a": np.zeros(3, dtype=int)}, np.zeros((4, 2)))
    with pytest.raises(ValueError, match="2 categories"):
        Predictions({}, None, ("a", "b"), np.ones((3, 3)))
