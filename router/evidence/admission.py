"""Whether a new expert is worth having: K graded prompts against a blind guess.

A guess is right on a prompt with a chance that is known: one over the number of options, or how often the
commonest right answer comes, if that is more. How many of K prompts a guesser gets right then follows the
Poisson binomial distribution, so the test is exact. ("Leveraging Open Knowledge" picks experts by their score
on K labelled shots, against chance and by consistency; its own threshold was not to be found, the test is ours.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from router.evaluation.intervals import Interval
from router.evidence.means import Floats, Share, share

Bools = npt.NDArray[np.bool_]
LEVEL = 0.05
"""How often a guesser may be let in."""
POWER = 0.9
"""How often an expert that is better by :data:`MARGIN` is let in, at the least."""
MARGIN = 0.1
MOST_SHOTS = 20_000
_USUAL_SHOTS = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """When an expert is admitted.

    Args:
        floor: What it must beat, on the scale where a blind guess is 0 and all right is 1.
        level: How often one that only reaches the floor is let in.
        power: How often one that is better by ``margin`` should be.
        margin: Share of right answers above the floor.
        consistent: How often repeated answers must be the same, at the least; 0: it is not asked.
    """

    floor: float = 0.0
    level: float = LEVEL
    power: float = POWER
    margin: float = MARGIN
    consistent: float = 0.0


@dataclass(frozen=True, slots=True)
class Admission:
    """What K shots say of an expert.

    Args:
        admitted: Whether it is better than the floor, and consistent if that is asked.
        right: Its right answers, each prompt's first answer alone.
        needed: Right answers it needed.
        score: Share of right answers.
        corrected: The same with a blind guess at 0, with its interval.
        p_value: Chance that one at the floor gets as many right.
        power: Chance that an expert better by the rule's margin is admitted with these prompts.
        consistency: Prompts asked more than once that had the same answer every time.
        reasons: For a person, each a sentence.
    """

    admitted: bool
    right: int
    needed: int
    score: Share
    corrected: Interval
    p_value: float
    power: float
    consistency: Share | None
    reasons: tuple[str, ...]


def admission(
    right: Bools,
    chance: Floats,
    rule: Rule | None = None,
    *,
    repeats: tuple[tuple[str, ...], ...] = (),
) -> Admission:
    """Decide whether an expert is admitted.

    Args:
        right: Whether its first answer to each prompt is right, shape (K,).
        chance: That a blind guess is, shape (K,), below 1.
        rule: See there.
        repeats: All answers to each prompt, by what they come to, where it was asked more than once.

    Raises:
        ValueError: If there is no prompt, or a chance is not from 0 to below 1.
    """
    rule = rule or Rule()
    if right.shape != chance.shape or not len(right):
        raise ValueError(f"admission: {right.shape} answers and {chance.shape} chances")
    if not ((chance >= 0.0) & (chance < 1.0)).all():
        raise ValueError("admission: a chance is not from 0 to below 1")
    floor = floored(chance, rule.floor)
    needed = critical(floor, rule.level)
    hits, n = int(right.sum()), len(right)
    score, guess = share(hits, n), float(chance.mean())

    def above(value: float) -> float:
        return (value - guess) / (1.0 - guess)

    consistency = consistency_of(repeats)
    found = Admission(
        admitted=hits >= needed and _consistent(consistency, rule.consistent),
        right=hits,
        needed=needed,
        score=score,
        corrected=Interval(above(hits / n), above(score.low), above(score.high), n),
        p_value=float(upper_tail(floor)[hits]),
        power=power(floor, rule.margin, rule.level),
        consistency=consistency,
        reasons=(),
    )
    return replace(found, reasons=tuple(_reasons(found, rule, guess)))


def floored(chance: Floats, floor: float) -> Floats:
    """Return the share that must be beaten on each prompt: so far from a guess to all right."""
    floors: Floats = chance + floor * (1.0 - chance)
    return floors


def upper_tail(chances: Floats) -> Floats:
    """Return the probability of k successes or more, for k from 0 to K + 1, shape (K + 2,).

    Args:
        chances: Of K independent trials; the number of successes is Poisson binomial.
    """
    exactly = np.zeros(len(chances) + 1)
    exactly[0] = 1.0
    for chance in chances:
        exactly[1:] = exactly[1:] * (1.0 - chance) + exactly[:-1] * chance
        exactly[0] *= 1.0 - chance
    tail: Floats = np.append(np.cumsum(exactly[::-1])[::-1], 0.0)
    return np.minimum(tail, 1.0)


def critical(chances: Floats, level: float = LEVEL) -> int:
    """Return the fewest right answers that a guesser reaches with a probability of ``level`` at most.

    One more than there are prompts where no number would do.
    """
    return int(np.argmax(upper_tail(chances) <= level))


def power(chances: Floats, margin: float = MARGIN, level: float = LEVEL) -> float:
    """Return how often an expert better than chance by a margin passes the test."""
    better = np.minimum(chances + margin, 1.0)
    return float(upper_tail(better)[critical(chances, level)])


def shots_needed(chance: float, rule: Rule | None = None) -> int:
    """Return the fewest prompts with which a rule keeps what it promises.

    Args:
        chance: That a blind guess is right, the same for all prompts.
        rule: See there.

    Raises:
        ValueError: If more than :data:`MOST_SHOTS` would be needed, or nothing is that much better.
    """
    rule = rule or Rule()
    floor = chance + rule.floor * (1.0 - chance)
    better = floor + rule.margin
    if not 0.0 <= chance < 1.0 or better > 1.0:
        raise ValueError(f"no expert is better than {floor:.3f} by {rule.margin:.3f}")
    for most in (_USUAL_SHOTS, MOST_SHOTS):  # usually few are enough, and many take long
        enough = _enough(most, floor, better, rule)
        if len(enough):
            return int(enough[0])
    raise ValueError(f"more than {MOST_SHOTS} prompts would be needed")


def _enough(most: int, floor: float, better: float, rule: Rule) -> npt.NDArray[np.intp]:
    """Return the numbers of prompts, up to some, with which the better one passes often enough."""
    from scipy.stats import binom

    shots = np.arange(1, most + 1)
    needed = binom.isf(rule.level, shots, floor) + 1
    return np.asarray(shots[binom.sf(needed - 1, shots, better) >= rule.power])


def consistency_of(repeats: tuple[tuple[str, ...], ...]) -> Share | None:
    """Return how many of the prompts asked more than once have the same answer every time."""
    several = [answers for answers in repeats if len(answers) > 1]
    if not several:
        return None
    return share(sum(len(set(each)) == 1 for each in several), len(several))


def _consistent(found: Share | None, wanted: float) -> bool:
    return wanted <= 0.0 or (found is not None and (found.value or 0.0) >= wanted)


def _reasons(found: Admission, rule: Rule, guess: float) -> list[str]:
    n = found.score.n
    enough = found.right >= found.needed
    reasons = [
        f"{found.right} of {n} answers are right; {'no fewer than ' if enough else ''}{found.needed} "
        f"were needed, which one that only reaches {guess + rule.floor * (1.0 - guess):.3f} does "
        f"in {rule.level:.0%} of cases at most"
    ]
    if found.power < rule.power:
        reasons.append(
            f"with {n} prompts an expert that is better by {rule.margin:.0%} passes in "
            f"{found.power:.0%} of cases only, not in {rule.power:.0%}: ask more prompts"
        )
    if rule.consistent > 0.0:
        if found.consistency is None:
            reasons.append("nothing was asked twice, so its consistency is not known")
        elif not _consistent(found.consistency, rule.consistent):
            reasons.append(
                f"asked again, it gives the same answer to {found.consistency.value:.0%} of prompts; "
                f"{rule.consistent:.0%} were asked for"
            )
    return reasons
