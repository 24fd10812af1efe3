r"""What a judge prefers, once the place in which an answer was shown is taken out.

Both answers to a prompt are judged twice, each shown first once. A judge that goes by position now
and then, with probability :math:`\beta`, and else prefers the answer of A with worth *s* (a tie is one
half), gives A the mean worth

.. math:: m_1 = \beta + (1 - \beta)\, s \text{ shown first}, \qquad m_2 = (1 - \beta)\, s
          \text{ shown second,}

so :math:`\beta = m_1 - m_2`, and what was won **from the place the judge does not favour** tells *s*
alone: :math:`s = m_2 / (m_2 + 1 - m_1)`. Nothing else is assumed: prompts may differ, and both verdicts on
one prompt may depend on each other, since prompts are what is counted. Prompts to which both gave the
same answer are ties that no judge is asked about, so no position has to be taken out of them: of a share
*q* of those, A is preferred on :math:`q/2 + (1 - q)\, s` of all.

Where a judge wavers for other reasons than position, *s* is somewhat too far from one half; the mean of
both orders, which is always too near to it, is given beside it. Both are on the same side of one half,
so who wins does not depend on which is read. That position matters, and that both orders be asked: Zheng et
al., "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena" (arXiv 2306.05685).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from router.evaluation.intervals import Interval, Verdict
from router.evidence.means import Floats, Share, mean_interval, quantile, share
from router.quality.judgements import WORTH, Judgement

_HALF = 0.5
# What a prompt adds: won by A, won by B (from the place that is not favoured), the same answer.
_SETTLED = np.array([[0.0], [0.0], [1.0]])
_INVENTED = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])


@dataclass(frozen=True, slots=True)
class Preference:
    """How much a judge prefers the answers of one expert to those of another.

    Args:
        corrected: Share of prompts on which it prefers them, ties one half, without its favour for a
            place.
        balanced: The same as judged, the mean of both orders: nearer to one half.
        position: How much more an answer is worth because it is shown first, -1 to 1, where it was
            asked.
        consistent: Prompts with the same verdict in both orders, where it was asked.
        alone: Prompts judged in one order only, which are left out.
    """

    corrected: Interval
    balanced: Interval
    position: Interval
    consistent: Share
    alone: int = 0

    @property
    def verdict(self) -> Verdict:
        """``win`` or ``lose`` where the balanced interval excludes one half, else ``tie``."""
        if self.balanced.low > _HALF:
            return "win"
        return "lose" if self.balanced.high < _HALF else "tie"


def preference(
    first: Floats, second: Floats, *, settled: int = 0, level: float = 0.95
) -> Preference:
    """Return what a judge prefers.

    Args:
        first: What the answer of A was worth where it was shown first: 1 it won, one half a tie, 0 it
            lost, or a mean of several verdicts; NaN where not judged; shape (prompts,).
        second: The same where it was shown second.
        settled: Further prompts, to which both gave the same answer: ties without a judge.
        level: Confidence of the intervals.

    Raises:
        ValueError: Where they are not equally long.
    """
    if first.shape != second.shape:
        raise ValueError(f"preference: {first.shape} verdicts against {second.shape}")
    both = np.isfinite(first) & np.isfinite(second)
    alone = int((np.isfinite(first) ^ np.isfinite(second)).sum())
    first, second = first[both], second[both]
    worths = np.concatenate([(first + second) / 2.0, np.full(settled, _HALF)])
    balanced = mean_interval(worths, 0.0, 1.0, level=level)
    return Preference(
        corrected=_corrected(first, second, settled, level) if len(first) else balanced,
        balanced=balanced,
        position=mean_interval(first - second, -1.0, 1.0, level=level),
        consistent=share(int((first == second).sum()), len(first)),
        alone=alone,
    )


def preference_of(
    judgements: Iterable[Judgement], one: str, other: str, *, settled: int = 0
) -> Preference:
    """Return what a judge prefers of two experts, from its verdicts on whatever pairs.

    Args:
        judgements: Of one judge.
        one: The expert whose answers are preferred or not.
        other: The one compared with.
        settled: Prompts to which both gave the same answer; none of the verdicts is on one of those.
    """
    shown: dict[int, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for judgement in judgements:
        worth = WORTH[judgement.outcome]
        if (judgement.first, judgement.second) == (one, other):
            shown[judgement.row][0].append(worth)
        elif (judgement.first, judgement.second) == (other, one):
            shown[judgement.row][1].append(1.0 - worth)
    means = [[_mean(worths) for worths in orders] for orders in shown.values()]
    first, second = np.array(means, dtype=np.float64).reshape(-1, 2).T
    return preference(first, second, settled=settled)


def _corrected(first: Floats, second: Floats, settled: int, level: float) -> Interval:
    """Return the worth of A by what each won from the place that is not favoured.

    The interval is that of a function of three means, in log-odds (delta method), with half a prompt
    invented for each expert, so that what never happened is not taken to be impossible.
    """
    n = len(first) + settled
    favours_first = float((first - second).mean()) >= 0.0
    ours, theirs = (second, 1.0 - first) if favours_first else (first, 1.0 - second)
    won, lost = float(ours.sum()), float(theirs.sum())
    if won + lost == 0.0:
        return Interval(math.nan, 0.0, 1.0, n)  # it goes by position alone
    judged = np.stack([ours, theirs, np.zeros(len(ours))])
    points = np.concatenate([judged, _SETTLED, _INVENTED], axis=1)
    weights = np.concatenate([np.ones(len(ours)), [float(settled)], [_HALF, _HALF]])
    total = weights.sum()
    means = points @ weights / total
    centred = points - means[:, None]
    covariance = (centred * weights) @ centred.T / total
    worth, slope = _worth(*means)
    error = math.sqrt(max(float(slope @ covariance @ slope), 0.0) / total)
    odds, half = math.log(worth / (1.0 - worth)), quantile(n, level) * error
    found, _ = _worth(won / n, lost / n, settled / n)
    low, high = _share_of(odds - half), _share_of(odds + half)
    return Interval(found, min(low, found), max(high, found), n)  # all won, or none: an end itself


def _worth(won: float, lost: float, same: float) -> tuple[float, Floats]:
    """Return the worth of A, and how its log-odds change with each of the three.

    Args:
        won: Mean of what A won from the place that is not favoured.
        lost: The same of the other.
        same: Share of prompts to which both gave the same answer.
    """
    both = won + lost
    worth = same / 2.0 + (1.0 - same) * won / both
    slopes = [(1.0 - same) * lost / both**2, (same - 1.0) * won / both**2, _HALF - won / both]
    spread = worth * (1.0 - worth)
    return worth, np.array(slopes) / spread if spread else np.zeros(3)


def _share_of(log_odds: float) -> float:
    return float(1.0 / (1.0 + np.exp(-np.float64(log_odds)))) if log_odds > -700 else 0.0


def _mean(worths: list[float]) -> float:
    return sum(worths) / len(worths) if worths else math.nan
