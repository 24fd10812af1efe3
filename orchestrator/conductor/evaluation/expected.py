"""What strategies gain and cost in closed form, where experts err independently of each other.

Pure functions of probabilities. Real experts err together, on the hard tasks: these are what a
strategy can be held to when that is taken away (:mod:`.simulate`), not what it will bring.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product


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


def panel(
    rights: Sequence[float],
    costs: Sequence[float],
    wrong: int = 1,
    *,
    answers: int = 10,
    agreeing: float = 0.25,
) -> Expectation:
    """Return what a vote of different experts comes to, each counted by what it is known to be worth.

    Weights are log-likelihood ratios, which is optimal where errors are independent (Nitzan and Paroush
    1982), less something for agreeing, since errors are feared not to be. Of equals the answer of the
    expert that was named first wins.

    Args:
        rights: Probability that each is right; the vote knows it.
        costs: Of a call of each.
        wrong: Wrong answers there are, equally likely.
        answers: Answers that the vote takes to be possible.
        agreeing: What two that give the same answer count less.
    """
    weights = [math.log((answers - 1) * right / (1.0 - right)) for right in rights]
    accuracy = 0.0
    for said in product(range(wrong + 1), repeat=len(rights)):  # 0 is the right answer
        scores: dict[int, float] = {}
        for answer in said:
            voters = [weight for weight, each in zip(weights, said, strict=True) if each == answer]
            scores[answer] = round(sum(voters) - agreeing * math.comb(len(voters), 2), 9)
        if max(scores, key=lambda answer: scores[answer]) == 0:
            accuracy += math.prod(
                (1.0 - right) / wrong if answer else right
                for right, answer in zip(rights, said, strict=True)
            )
    return Expectation(accuracy, len(rights), sum(costs))


def decompose(
    first: float, part: float, parts: int, check: Check, costs: tuple[float, float] = (1.0, 1.0)
) -> Expectation:
    """Return what a cheap attempt, a check, and a split of what is refused come to.

    Args:
        first: Probability that the cheap expert is right.
        part: Probability that the other's answer to one part is; the whole is right if all parts are.
        parts: Into which a task is split, by the cheap expert.
        check: Of the cheap expert's answer; itself a call.
        costs: Of a call of each.
    """
    refused = 1.0 - check.accepts(first)
    return Expectation(
        first * check.accepts_right + refused * part**parts,
        2.0 + refused * (parts + 2),
        costs[0] + check.cost + refused * (costs[0] + (parts + 1) * costs[1]),
    )


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
