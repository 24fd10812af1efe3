import numpy as np
import pytest

from router import POLICIES, Candidate, Category, Policy
from router.mapping import costs_usd, effort, prior_scores, size_index, sizes, solve

MATHS = Category("math", "Math", "Numbers.")
ALGEBRA = Category("algebra", "Algebra", "Letters.", parent="math")
LAW = Category("law", "Law", "Courts.")
GENERAL = Category("general", "General", "Else.")
CATEGORIES = (MATHS, ALGEBRA, LAW, GENERAL)


def scores(*candidates: Candidate) -> np.ndarray:
    return prior_scores(CATEGORIES, candidates)


def test_a_larger_expert_is_expected_to_be_better() -> None:
    small, large = scores(
        Candidate("s", active_parameters=3), Candidate("l", active_parameters=70)
    ).T
    assert (large > small).all()
    assert ((small > 0) & (large < 1)).all()


def test_a_specialist_gains_in_its_field_and_loses_a_little_outside() -> None:
    plain, special = scores(
        Candidate("p", active_parameters=7),
        Candidate("s", tags=frozenset({"math"}), active_parameters=7),
    ).T
    assert special[0] > special[1] > plain[1]
    assert special[2] < plain[2]
    assert special[0] - plain[0] > plain[2] - special[2]


def test_a_specialist_that_is_a_generalist_too_loses_nothing() -> None:
    plain, both = scores(
        Candidate("p", active_parameters=7),
        Candidate("b", tags=frozenset({"math", "general"}), active_parameters=7),
    ).T
    assert both[2] == plain[2]
    assert both[0] > plain[0]


def test_tags_that_name_no_category_change_nothing() -> None:
    plain, tagged = scores(Candidate("p"), Candidate("t", tags=frozenset({"fast"}))).T
    np.testing.assert_array_equal(plain, tagged)


def test_the_price_stands_in_for_an_unknown_size() -> None:
    found = sizes(
        [
            Candidate("known", active_parameters=12, price_out=99),
            Candidate("dear", price_out=10),
            Candidate("cheap", price_out=0.1),
            Candidate("unknown"),
            Candidate("odd", active_parameters=1e9),
        ]
    )
    assert found.tolist() == pytest.approx([12, 400, 7, 7, 400])
    assert size_index(np.array([0.0, 400.0])).tolist() == pytest.approx([0, 1])


def test_effort_of_the_free_is_their_size_and_one_dear_expert_changes_nobody_else() -> None:
    size = size_index(np.array([1.0, 7.0, 70.0]))
    free = effort(np.zeros(3), size)
    assert (np.diff(free) > 0).all()
    usd = np.array([1e-5, 1e-4, 1e-3])
    dear = effort(np.array([1e-5, 1e-4, 50.0]), size)
    np.testing.assert_array_equal(effort(usd, size)[:2], dear[:2])
    assert dear[2] == 1.0


def test_costs_are_dollars_of_prompt_and_expected_answer() -> None:
    usd = costs_usd(np.array([1.0]), np.array([10.0]), prompt_tokens=1000)
    assert usd[0] == pytest.approx(0.001 + 0.004)


def test_policies_trade_quality_for_cost() -> None:
    quality = np.array([[0.9, 0.7, 0.5]])
    costs = np.array([0.9, 0.3, 0.05])
    everyone = np.ones(3, dtype=bool)
    chosen = [int(solve(quality, costs, policy, everyone)[0]) for policy in POLICIES]
    assert chosen == [0, 1, 2]


def test_only_the_eligible_are_assigned_unless_none_is() -> None:
    quality, costs = np.array([[0.9, 0.7]]), np.zeros(2)
    policy = Policy("quality", "", 0.0)
    assert solve(quality, costs, policy, np.array([False, True])).tolist() == [1]
    assert solve(quality, costs, policy, np.array([False, False])).tolist() == [0]


def test_no_candidates_give_an_empty_matrix() -> None:
    assert scores().shape == (4, 0)
