"""Strategies over simulated experts gain and cost what the closed forms say, within the interval."""

from __future__ import annotations

import math

import pytest

from orchestrator.conductor.evaluation.evaluate import Setting, evaluate
from orchestrator.conductor.evaluation.expected import (
    Check,
    Expectation,
    cascade,
    decompose,
    direct,
    panel,
    verify,
    vote,
)
from orchestrator.conductor.evaluation.graders import Grading
from orchestrator.conductor.evaluation.record import Record
from orchestrator.conductor.evaluation.simulate import Simulated, SimulatedExperts
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.strategies import STRATEGIES, Strategy
from orchestrator.conductor.strategies.self_consistency import self_consistency

TASKS = [
    GradedTask(f"t{number}", "simulated", f"[task number {number}]", f"right {number}", "exact")
    for number in range(300)
]
Z = 3.9
"""Half the width of the interval in standard errors: 99.99 %, as some forty figures are compared."""


async def simulated(
    strategy: Strategy,
    grading: Grading,
    seed: int = 1,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    **experts: Simulated,
) -> list[Record]:
    everyone = SimulatedExperts(experts, {task.prompt: task.target for task in TASKS}, seed)
    setting = Setting(
        experts_for=lambda _: everyone,
        sandbox=grading.sandbox,
        grading=grading,
        limits=limits,
        at_once=16,
    )
    return await evaluate(TASKS, [strategy], setting)


def agree(records: list[Record], expected: Expectation, usd: float = 0.0) -> None:
    n = len(records)
    accuracy = sum(record.right is True for record in records) / n
    error = math.sqrt(max(expected.accuracy * (1 - expected.accuracy), 1e-9) / n)
    assert abs(accuracy - expected.accuracy) <= Z * error + 1e-9, (accuracy, expected)
    calls = [record.calls for record in records]
    mean = sum(calls) / n
    spread = math.sqrt(sum((each - mean) ** 2 for each in calls) / (n - 1) / n)
    assert abs(mean - expected.calls) <= Z * spread + 1e-9, (mean, expected)
    if usd:
        costs = [record.usd for record in records]
        mean = sum(costs) / n
        spread = math.sqrt(sum((each - mean) ** 2 for each in costs) / (n - 1) / n)
        assert abs(mean - expected.cost) <= Z * spread + 1e-9, (mean, expected)


@pytest.mark.parametrize("error", [0.0, 0.35, 0.8, 1.0])
async def test_direct(grading: Grading, error: float) -> None:
    records = await simulated(STRATEGIES["direct"], grading, model=Simulated(error, usd=0.002))
    agree(records, direct(1 - error, 0.002), usd=0.002)


@pytest.mark.parametrize(("error", "wrong", "samples"), [(0.4, 1, 5), (0.6, 4, 7), (0.6, 1, 5)])
async def test_a_vote_of_samples(grading: Grading, error: float, wrong: int, samples: int) -> None:
    strategy = self_consistency(samples)
    records = await simulated(strategy, grading, model=Simulated(error, wrong=wrong, usd=0.001))
    agree(records, vote(1 - error, samples, wrong, 0.001), usd=0.001)
    alone = await simulated(STRATEGIES["direct"], grading, model=Simulated(error, wrong=wrong))
    gained = sum(r.right is True for r in records) - sum(r.right is True for r in alone)
    assert (gained > 0) == (vote(1 - error, samples, wrong).accuracy > 1 - error)


@pytest.mark.parametrize(
    ("right", "check"),
    [
        (0.6, Check(0.9, 0.2)),
        (0.5, Check(1.0, 0.0)),
        (0.7, Check(0.5, 0.5)),
        (0.3, Check(0.8, 0.6)),
    ],
)
async def test_answers_that_are_verified(grading: Grading, right: float, check: Check) -> None:
    experts = {
        "lead": Simulated(1 - right, wrong=10**6, usd=0.01),
        "checker": Simulated(
            1.0, accepts_right=check.accepts_right, accepts_wrong=check.accepts_wrong, usd=0.001
        ),
    }
    records = await simulated(STRATEGIES["conductor"], grading, **experts)
    priced = Check(check.accepts_right, check.accepts_wrong, cost=0.001)
    agree(records, verify(right, priced, retries=2, cost=0.01), usd=0.01)


async def test_a_cheap_expert_checked_and_replaced(grading: Grading) -> None:
    check = Check(0.9, 0.2, cost=0.02)
    experts = {
        "cheap": Simulated(0.4, usd=0.001),
        "strong": Simulated(0.15, usd=0.02, accepts_right=0.9, accepts_wrong=0.2),
    }
    found = cascade(0.6, 0.85, check, costs=(0.001, 0.02))
    agree(await simulated(STRATEGIES["cascade"], grading, **experts), found, usd=0.02)
    guidance = Expectation(found.accuracy, found.calls + 1, found.cost + 0.02)
    agree(await simulated(STRATEGIES["guide"], grading, **experts), guidance, usd=0.02)


@pytest.mark.parametrize(("error", "wrong"), [(0.4, 1), (0.6, 4), (0.55, 10)])
async def test_a_panel_of_equals_is_a_vote(grading: Grading, error: float, wrong: int) -> None:
    """Four of five equals have 0.8 of the trust, three only 0.6."""
    experts = {f"e{n}": Simulated(error, wrong=wrong, usd=0.001) for n in range(5)}
    records = await simulated(STRATEGIES["panel"], grading, **experts)
    found = vote(1 - error, 4, wrong, cost=0.001)
    agree(records, found, usd=0.001)
    assert panel([1 - error] * 4, [0.001] * 4, wrong).accuracy == pytest.approx(found.accuracy)


@pytest.mark.parametrize(
    ("rights", "seated", "wrong"),
    [
        ([0.80, 0.79, 0.78, 0.77, 0.76], 3, 1),
        ([0.60, 0.59, 0.58, 0.57, 0.56], 3, 5),
        ([0.90, 0.60, 0.55], 1, 1),
        ([0.55, 0.52, 0.30], 2, 1),
    ],
)
async def test_a_panel_weighs_its_experts(
    grading: Grading, rights: list[float], seated: int, wrong: int
) -> None:
    experts = {
        f"e{n}": Simulated(1 - right, wrong=wrong, usd=0.001 * (n + 1))
        for n, right in enumerate(rights)
    }
    costs = [expert.usd for expert in experts.values()]
    expected = panel(rights[:seated], costs[:seated], wrong)
    agree(await simulated(STRATEGIES["panel"], grading, **experts), expected, usd=0.001)


@pytest.mark.parametrize(
    ("first", "part", "parts", "check"),
    [(0.5, 0.9, 3, Check(0.9, 0.2, cost=0.02)), (0.3, 0.97, 5, Check(1.0, 0.0, cost=0.02))],
)
async def test_a_task_that_is_split(
    grading: Grading, first: float, part: float, parts: int, check: Check
) -> None:
    experts = {
        "cheap": Simulated(1 - first, usd=0.001, parts=parts, part_error=1.0),
        "strong": Simulated(
            0.0,
            usd=0.02,
            part_error=1 - part,
            accepts_right=check.accepts_right,
            accepts_wrong=check.accepts_wrong,
        ),
    }
    one_level = Limits(depth=2)  # that of the parts, which are not split again
    records = await simulated(STRATEGIES["decompose"], grading, limits=one_level, **experts)
    agree(records, decompose(first, part, parts, check, costs=(0.001, 0.02)), usd=0.02)


async def test_answers_that_are_corrected(grading: Grading) -> None:
    experts = {
        "cheap": Simulated(0.5, wrong=10**6, usd=0.001),
        "strong": Simulated(0.1, usd=0.02, accepts_right=1.0, accepts_wrong=0.3),
    }
    # A right draft that is refused would be redone word for word: the same question, asked once.
    expected = verify(0.5, Check(1.0, 0.3, cost=0.02), retries=2, cost=0.001)
    agree(await simulated(STRATEGIES["correct"], grading, **experts), expected, usd=0.02)


async def test_errors_by_task(grading: Grading) -> None:
    hard = {task.prompt: 1.0 for task in TASKS[:100]}
    records = await simulated(STRATEGIES["direct"], grading, model=Simulated(0.0, errors=hard))
    assert [record.right for record in records] == [False] * 100 + [True] * 200


async def test_the_same_seed_is_the_same_world(grading: Grading) -> None:
    def rights(records: list[Record]) -> list[bool | None]:
        return [record.right for record in records]

    model = Simulated(0.5)
    first = rights(await simulated(STRATEGIES["direct"], grading, seed=1, model=model))
    assert first == rights(await simulated(STRATEGIES["direct"], grading, seed=1, model=model))
    assert first != rights(await simulated(STRATEGIES["direct"], grading, seed=2, model=model))


async def test_experts_that_fail_are_replaced(grading: Grading) -> None:
    experts = {"best": Simulated(0.0, fails=0.3), "other": Simulated(0.5)}
    records = await simulated(STRATEGIES["direct"], grading, **experts)
    agree(records, Expectation(0.7 + 0.3 * 0.5, 1.3, 0.0))


async def test_nobody_left_is_a_failed_run(grading: Grading) -> None:
    records = await simulated(STRATEGIES["direct"], grading, model=Simulated(0.0, fails=1.0))
    assert {record.status for record in records} == {"failed"}
    assert {record.right for record in records} == {False}
    assert "failed by chance" in records[0].reason
