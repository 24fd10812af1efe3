"""The integer programme against trying every mapping."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.mapping import Budget, InfeasibleBudget, Solution, frontier, programme, solve_milp
from router.mapping.programme import AVERAGES, checked_problem, undominated

NAMES = (*AVERAGES, "resident_parameters")


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], Budget]:
    """Draw a small problem, with a budget that may or may not be possible to keep."""
    categories, experts = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = random.random((categories, experts))
    weights = random.random(categories) + 0.01
    by_category = draw(st.booleans())
    costs = {
        "money_usd": random.random((categories, experts) if by_category else experts) * 1e-4,
        "active_parameters": random.integers(1, 70, experts).astype(float),
        "latency_s": random.random(experts),
        "resident_parameters": random.integers(1, 70, experts).astype(float),
    }
    share = st.none() | st.floats(0.05, 1.1)
    limits = {}
    for name in NAMES:
        part = draw(share)
        if part is not None:
            limits[name] = part * float(costs[name].max())
    if draw(st.booleans()):
        limits["max_experts"] = draw(st.integers(1, 3))
    return scores, weights, costs, Budget(**limits)


def every_mapping(
    scores: np.ndarray, weights: np.ndarray, costs: dict[str, np.ndarray]
) -> list[Solution]:
    problem = checked_problem(scores, weights, costs, {}, None)
    categories, experts = scores.shape
    return [
        problem.solution(np.array(assignment))
        for assignment in itertools.product(range(experts), repeat=categories)
    ]


def keeps(solution: Solution, budget: Budget, slack: float = 1e-9) -> bool:
    return all(
        solution.spent[name] <= limit * (1 + slack) for name, limit in budget.limits().items()
    )


@settings(max_examples=80, deadline=None)
@given(case=cases())
def test_it_finds_what_trying_everything_finds(
    case: tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], Budget],
) -> None:
    scores, weights, costs, budget = case
    mappings = every_mapping(scores, weights, costs)
    possible = [mapping for mapping in mappings if keeps(mapping, budget)]
    if possible:
        found = solve_milp(scores, weights, costs, budget, gap=0.0)
        assert keeps(found, budget, 1e-5)
        assert found.value >= max(mapping.value for mapping in possible) - 1e-6
        return
    with pytest.raises(InfeasibleBudget) as refusal:
        solve_milp(scores, weights, costs, budget)
    raised = refusal.value.nearest_budget
    within = [mapping for mapping in mappings if keeps(mapping, raised, 1e-5)]
    assert within, "the budget said to be possible is not"
    assert solve_milp(scores, weights, costs, raised).value == pytest.approx(
        max(mapping.value for mapping in within), rel=1e-3
    )
    if len(refusal.value.violations) == 1:
        name = refusal.value.constraint
        others = Budget(**{k: v for k, v in budget.limits().items() if k != name})
        least = min(mapping.spent[name] for mapping in mappings if keeps(mapping, others, 1e-6))
        assert refusal.value.nearest == pytest.approx(least, rel=1e-4)


def test_without_limits_the_best_of_each_category_is_the_answer_and_no_solver_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scipy.optimize", None)
    scores = np.array([[0.2, 0.9], [0.8, 0.1]])
    costs = {"money_usd": np.array([1e-4, 1e-3])}
    found = solve_milp(scores, np.array([1.0, 3.0]), costs, Budget())
    assert found.assignment.tolist() == [1, 0]
    assert found.value == pytest.approx(0.825)
    assert found.spent == {"max_experts": 2, "money_usd": pytest.approx(3.25e-4)}
    loose = solve_milp(scores, np.array([1.0, 3.0]), costs, Budget(money_usd=1e-3))
    assert loose.assignment.tolist() == [1, 0]


def test_each_limit_binds() -> None:
    scores = np.array([[0.9, 0.5, 0.4], [0.2, 0.8, 0.7], [0.6, 0.5, 0.55]])
    costs = {
        "active_parameters": np.array([70.0, 30.0, 7.0]),
        "resident_parameters": np.array([70.0, 30.0, 7.0]),
        "latency_s": np.array([[9.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]),
    }
    weights = np.ones(3)

    def mapped(**limits: float) -> list[int]:
        return solve_milp(scores, weights, costs, Budget(**limits), gap=0).assignment.tolist()

    assert mapped() == [0, 1, 0]
    assert mapped(active_parameters=40) == [0, 1, 2]
    assert mapped(resident_parameters=77) == [0, 2, 0]
    assert mapped(max_experts=1) == [1, 1, 1]
    assert mapped(latency_s=1) == [1, 1, 0]


def test_a_category_without_traffic_still_gets_its_best_expert() -> None:
    scores = np.array([[0.9, 0.1], [0.1, 0.9]])
    costs = {"active_parameters": np.array([10.0, 70.0])}
    found = solve_milp(scores, np.array([1.0, 0.0]), costs, Budget(active_parameters=10), gap=0)
    assert found.assignment.tolist() == [0, 1]


def test_only_the_eligible_are_mapped() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1]])
    eligible = np.array([[False, True, True], [True, True, False]])
    found = solve_milp(scores, np.ones(2), {}, Budget(max_experts=1), eligible=eligible)
    assert found.assignment.tolist() == [1, 1]
    with pytest.raises(ValueError, match="category 0 has no eligible expert"):
        solve_milp(scores, np.ones(2), {}, Budget(), eligible=np.array([False] * 3))


def test_an_impossible_budget_says_which_limit_and_how_far() -> None:
    scores = np.array([[0.9, 0.5], [0.2, 0.8]])
    costs = {
        "money_usd": np.array([2e-3, 1e-3]),
        "active_parameters": np.array([7.0, 70.0]),
    }
    with pytest.raises(
        InfeasibleBudget, match=r"money_usd is limited to 0\.0005, but at least 0\.001 is needed"
    ) as refusal:
        solve_milp(scores, np.ones(2), costs, Budget(money_usd=5e-4))
    assert (refusal.value.constraint, refusal.value.nearest) == ("money_usd", pytest.approx(1e-3))
    with pytest.raises(InfeasibleBudget, match="with the limits on") as refusal:
        solve_milp(scores, np.ones(2), costs, Budget(money_usd=1.9e-3, active_parameters=10))
    assert refusal.value.nearest == pytest.approx(2e-3)
    both = Budget(money_usd=5e-4, active_parameters=5)
    with pytest.raises(InfeasibleBudget) as refusal:
        solve_milp(scores, np.ones(2), costs, both)
    assert {v.constraint for v in refusal.value.violations} == {"money_usd", "active_parameters"}
    solve_milp(scores, np.ones(2), costs, refusal.value.nearest_budget)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.array([[np.nan, 0.5]])}, "scores: not finite for category 0 and expert 0"),
        ({"scores": np.zeros((0, 2))}, "categories by experts are needed"),
        ({"weights": np.array([0.0])}, "at least one category"),
        ({"weights": np.array([-1.0])}, "one finite number from 0"),
        ({"costs": {}}, "there are no costs for: money_usd"),
        ({"costs": {"money_usd": np.array([1.0])}}, "costs of money_usd have shape"),
        ({"costs": {"money_usd": np.array([1.0, -1.0])}}, "costs of money_usd are negative"),
        ({"costs": {"money_usd": np.array([1.0, np.inf])}}, "costs of money_usd: not finite"),
        ({"costs": {"gold": np.ones(2)}}, "gold|no costs for"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], message: str) -> None:
    arguments = {
        "scores": np.array([[0.4, 0.5]]),
        "weights": np.ones(1),
        "costs": {"money_usd": np.ones(2)},
        "budget": Budget(money_usd=1.0),
    }
    with pytest.raises(ValueError, match=message):
        solve_milp(**(arguments | change))


@pytest.mark.parametrize("limits", [{"money_usd": -1.0}, {"latency_s": np.nan}, {"max_experts": 0}])
def test_a_budget_is_checked(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"budget: "):
        Budget(**limits)


@pytest.mark.parametrize("swept", ["active_parameters", "resident_parameters", "max_experts"])
def test_a_frontier_rises_and_each_point_is_the_best_of_its_budget(swept: str) -> None:
    random = np.random.default_rng(5)
    scores, weights = random.random((4, 4)), random.random(4)
    costs = {
        "active_parameters": np.array([3.0, 8.0, 30.0, 70.0]),
        "resident_parameters": np.array([3.0, 47.0, 30.0, 70.0]),
    }
    points = frontier(scores, weights, costs, swept, points=6, gap=0)
    spent = [point.spent[swept] for point in points]
    assert spent == sorted(spent)
    values = [point.value for point in points]
    assert all(a < b for a, b in itertools.pairwise(values))
    mappings = every_mapping(scores, weights, costs)
    assert spent[0] == pytest.approx(min(mapping.spent[swept] for mapping in mappings))
    for point in points:
        best = max(m.value for m in mappings if m.spent[swept] <= point.spent[swept] * (1 + 1e-9))
        assert point.value == pytest.approx(best, abs=1e-6)


def test_a_frontier_keeps_to_the_limits_that_stay() -> None:
    scores = np.random.default_rng(1).random((5, 4))
    costs = {"active_parameters": np.array([3.0, 8.0, 30.0, 70.0])}
    points = frontier(
        scores, np.ones(5), costs, "active_parameters", budget=Budget(max_experts=2), gap=0
    )
    assert all(point.spent["max_experts"] <= 2 for point in points)
    with pytest.raises(ValueError, match="no limit 'gold'"):
        frontier(scores, np.ones(5), costs, "gold")


def test_sixty_four_categories_and_forty_experts_take_seconds() -> None:
    random = np.random.default_rng(0)
    size = np.exp(random.uniform(0, 5, 40))
    scores = np.clip(0.4 + 0.08 * np.log(size) + 0.1 * random.standard_normal((64, 40)), 0, 1)
    costs = {"active_parameters": size, "resident_parameters": size, "money_usd": size * 1e-5}
    weights = random.random(64)
    budget = Budget(active_parameters=25.0, resident_parameters=120.0, max_experts=6)
    found = solve_milp(scores, weights, costs, budget, gap=1e-3, time_limit=30.0)
    assert keeps(found, budget, 1e-6)
    assert found.gap <= 1e-2


@pytest.mark.parametrize("limited", [("money_usd",), ("money_usd", "latency_s")])
def test_experts_that_are_outdone_are_left_out_and_never_missed(
    monkeypatch: pytest.MonkeyPatch, limited: tuple[str, ...]
) -> None:
    random = np.random.default_rng(7)
    scores, weights = random.random((6, 40)).round(2), np.ones(6)
    costs = {"money_usd": random.random(40).round(2), "latency_s": random.random((6, 40)).round(2)}
    problem = checked_problem(scores, weights, costs, dict.fromkeys(limited, 0.0), None)
    kept = undominated(problem, limited)
    assert kept.any(axis=1).all()
    for category, expert in np.argwhere(~kept):
        others = np.flatnonzero(kept[category])
        no_worse = scores[category, others] >= scores[category, expert]
        for name in limited:
            cost = problem.costs[name][category]
            no_worse &= cost[others] <= cost[expert]
        assert no_worse.any(), "whoever is left out is outdone by somebody who is not"
    budget = Budget(**dict.fromkeys(limited, 0.2))
    found = solve_milp(scores, weights, costs, budget, gap=0.0)
    monkeypatch.setattr(programme, "undominated", lambda problem, *_: problem.eligible)
    assert solve_milp(scores, weights, costs, budget, gap=0.0).value == pytest.approx(found.value)
