"""Whether a judge prefers the answer shown first."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from router.quality.judgements import WORTH, Judgement


class PositionBias(NamedTuple):
    """How a judge treats the answer shown first."""

    verdicts: int
    both_orders: int
    """Pairs of answers that were judged in both orders."""
    consistent: int
    """Of these, how many had the same verdict whichever was first."""
    first_wins: float
    """How often the first won, ties one half. Over pairs in both orders where there are any: there
    both answers were first, so what differs from one half is the judge's. Otherwise over all."""
    first_wins_ci95: tuple[float, float]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        low, high = self.first_wins_ci95
        rounded = {"first_wins": round(self.first_wins, 4)}
        return {**self._asdict(), **rounded, "first_wins_ci95": [round(low, 4), round(high, 4)]}


def position_bias(judgements: Iterable[Judgement]) -> PositionBias | None:
    """Measure how much being shown first helps; ``None`` without a verdict.

    Each pair of answers counts once, however often it was judged; the interval is that of the mean
    over pairs (normal approximation).
    """
    shown: dict[tuple[int, str, str], list[float]] = defaultdict(list)
    verdicts = 0
    for judgement in judgements:
        shown[judgement.row, judgement.first, judgement.second].append(WORTH[judgement.outcome])
        verdicts += 1
    if not verdicts:
        return None
    means = {key: sum(worths) / len(worths) for key, worths in shown.items()}
    pairs = [
        (mean, means[row, second, first])
        for (row, first, second), mean in means.items()
        if first < second and (row, second, first) in means
    ]
    consistent = sum(1 for one, other in pairs if one + other == 1.0)
    values = [(one + other) / 2 for one, other in pairs] or list(means.values())
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(len(values) - 1, 1)
    margin = 1.96 * math.sqrt(spread / len(values)) if len(values) > 1 else 0.5
    interval = (max(0.0, mean - margin), min(1.0, mean + margin))
    return PositionBias(verdicts, len(pairs), consistent, mean, interval)
