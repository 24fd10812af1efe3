"""What strategies gain and cost in closed form, where experts err independently of each other.

Pure functions of probabilities. Real experts err together, on the hard tasks: these are what a
strategy can be held to when that is taken away (:mod:`.simulate`), not what it will bring.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a strategy comes to on average.

    Args:
        accuracy: Probability that its answer is right.
        calls: Of experts, on average.
        cost: In the unit of the costs given, on average.
    """

    accuracy: float
    calls: float
    cost: float


@dataclass(frozen=True, slots=True)
class Check:
    """How far a check can be trusted.

    Args:
        accepts_right: Probability that a right answer passes it.
        accepts_wrong: Probability that a wrong answer passes it.
        cost: Of one check.
    """

    accepts_right: float
    accepts_wrong: float
    cost: float = 0.0

    def accepts(self, right: float) -> float:
        """Return the probability that an answer passes that is right with a given one."""
        return right * self.accepts_right + (1.0 - right) * self.accepts_wrong


def direct(right: float, cost: float = 1.0) -> Expectation:
    """Return what one call comes to."""
    return Expectation(right, 1.0, cost)


def vote(right: float, samples: int, wrong: int = 1, cost: float = 1.0) -> Expectation:
    """Return what the commonest of independent answers comes to; ties fall to any of the tied.

    With one wrong answer this is Condorcet's jury theorem (1785).

    Args:
        right: Probability that one answer is right.
        samples: How many there are.
        wrong: Wrong answers there are, equally likely.
        cost: Of one call.
    """
    accuracy = sum(
        _binomial(samples, hits, right) * _plurality(hits, samples - hits, wrong)
        for hits in range(1, samples + 1)
    )
    return Expectation(accuracy, samples, samples * cost)


def cascade(
    first: float, second: float, check: Check, costs: tuple[float, float] = (1.0, 1.0)
) -> Expectation:
    """Return what a cheap expert, a check and another expert for what is refused come to.

    FrugalGPT (arXiv 2305.05176) with errors independent given the task.

    Args:
        first: Probability that the cheap expert is right.
        second: Probability that the other is.
        check: Of the cheap expert's answer; itself a call.
        costs: Of a call of each.
    """
    refused = 1.0 - check.accepts(first)
    return Expectation(
        first * check.accepts_right + refused * second,
        2.0 + refused,
        costs[0] + check.cost + refused * costs[1],
    )


def verify(right: float, check: Check, retries: int, cost: float = 1.0) -> Expectation:
    """Return what answering again comes to, until a check accepts or has refused too often.

    The verdict on the right answer is drawn once: a run makes the same check of the same answer only
    once. Wrong answers are taken to differ from each other.

    Args:
        right: Probability that an answer is right, the same each time.
        check: Of each answer.
        retries: Answers after the first. The last one is checked too, and given whatever is said.
        cost: Of one answer.
    """
    accuracy = rounds = checks = 0.0
    refused_wrong = (1.0 - right) * (1.0 - check.accepts_wrong)
    for passes, chance in ((1.0, check.accepts_right), (0.0, 1.0 - check.accepts_right)):
        refused = refused_wrong + right * (1.0 - passes)
        reached = [refused**number for number in range(retries + 1)]
        accuracy += chance * right * (passes * sum(reached[:-1]) + reached[-1])
        rounds += chance * sum(reached)
        # The right answer is checked where it comes for the first time.
        first_right = sum(right * refused_wrong**number for number in range(retries + 1))
        checks += chance * ((1.0 - right) * sum(reached) + first_right)
    return Expectation(accuracy, rounds + checks, rounds * cost + checks * check.cost)


def _binomial(n: int, k: int, p: float) -> float:
    return float(math.comb(n, k)) * p**k * (1.0 - p) ** (n - k)


def _plurality(hits: int, misses: int, wrong: int) -> float:
    """Return the probability that the right answer wins with so many votes against so many."""
    total = 0.0
    ways = float(wrong) ** misses
    for counts in _partitions(misses, wrong, hits):
        tied = counts.count(hits)
        total += _arrangements(counts, misses) * _labellings(counts, wrong) / ways / (1 + tied)
    return total


def _partitions(votes: int, parts: int, most: int) -> Iterator[list[int]]:
    """Yield the ways to write a number as at most so many parts, falling, none above a bound."""
    if votes == 0:
        yield []
    elif parts:
        for part in range(min(votes, most), 0, -1):
            for rest in _partitions(votes - part, parts - 1, part):
                yield [part, *rest]


def _arrangements(counts: list[int], votes: int) -> float:
    """Return the ways to give each of the votes its part."""
    ways = math.factorial(votes)
    for count in counts:
        ways //= math.factorial(count)
    return float(ways)


def _labellings(counts: list[int], wrong: int) -> float:
    """Return the ways to give each part one of the wrong answers."""
    ways = math.perm(wrong, len(counts))
    for count in set(counts):
        ways //= math.factorial(counts.count(count))
    return float(ways)
