r"""From feedback to candidate scores: a pure function of the rows.

Feedback is a biased and easily flooded sample, so before it counts:

1. Only answers that were given count: a request that failed or was cancelled says nothing of its
   expert's quality.
2. One request is one observation, whoever rates it: the latest word of each key, averaged.
3. A loud key does not outvote the others. With :math:`n_k` observations of key *k* in a category
   and of an expert, each weighs :math:`1/\sqrt{n_k}`, so that a key's total grows like the square
   root of what it sends.
4. Half a wish for another answer is half an observation: without a rating, "another answer is
   better" counts as 0 with half weight, since it may be said of a good answer, too.

The mean is the weighted one. Its standard error uses the effective number of observations
:math:`(\sum w)^2 / \sum w^2` (Kish, Survey Sampling, 1965) and a variance that starts from two
invented observations, one 0 and one 1, so that three thumbs up are no certainty (Agresti and
Coull, 1998).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt

SOURCE = "feedback"
_WISH_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """What one key said of one request.

    Args:
        request_id: Which request.
        key_id: Who.
        rating: -1 (bad) to 1 (good), or ``None``.
        corrected_category: The category it should have been, or ``None``.
        prefers_other: Whether another answer was said to be better.
        created_at: When it was said.
        preferred_request: The request whose answer was said to be better, or ``None``.
    """

    request_id: str
    key_id: str
    rating: float | None
    corrected_category: str | None
    prefers_other: bool
    created_at: datetime
    preferred_request: str | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What became of one request.

    Args:
        request_id: Which.
        category: What the router took it for, or ``None``.
        expert: Who answered, or ``None``.
        status: How it ended.
        confidence: Probability of the category, 0 to 1, or ``None``.
    """

    request_id: str
    category: str | None
    expert: str | None
    status: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """How good an expert is in a category, according to one source.

    Args:
        category: Category id.
        expert: Expert id.
        n: Requests that were judged.
        mean: 0 (bad) to 1 (good).
        se: Standard error of the mean.
        source: Where it comes from.
    """

    category: str
    expert: str
    n: int
    mean: float
    se: float
    source: str = SOURCE


@dataclass(frozen=True, slots=True)
class Judgement:
    """One request as one observation; ``keys`` share it."""

    keys: tuple[str, ...]
    score: float
    weight: float


def feedback_scores(feedback: Iterable[FeedbackRow], usage: Iterable[UsageRow]) -> list[ScoreRow]:
    """Return candidate scores, by category and expert.

    Args:
        feedback: In any order; of two rows of one request and key the later counts.
        usage: The requests they speak of; feedback on others is left out.
    """
    requests = answered(usage)
    said = latest(feedback, requests)
    cells: dict[tuple[str, str], list[Judgement]] = defaultdict(list)
    for request_id, rows in said.items():
        request = requests[request_id]
        category = corrected_category(rows.values()) or request.category
        judgement = judge(rows)
        if category is not None and request.expert is not None and judgement is not None:
            cells[category, request.expert].append(judgement)
    return [_score(*cell, judgements) for cell, judgements in sorted(cells.items())]


def answered(usage: Iterable[UsageRow]) -> dict[str, UsageRow]:
    """Return the requests that an expert answered, by id."""
    return {row.request_id: row for row in usage if row.status == "ok" and row.expert}


def latest(
    feedback: Iterable[FeedbackRow], requests: Mapping[str, UsageRow]
) -> dict[str, dict[str, FeedbackRow]]:
    """Return the latest word of each key on each of some requests."""
    said: dict[str, dict[str, FeedbackRow]] = defaultdict(dict)
    for row in sorted(feedback, key=lambda row: row.created_at):
        if row.request_id in requests:
            said[row.request_id][row.key_id] = row
    return said


def corrected_category(rows: Iterable[FeedbackRow]) -> str | None:
    """Return what most say a request was, ``None`` without a word of correction."""
    corrections = Counter(row.corrected_category for row in rows if row.corrected_category)
    if not corrections:
        return None
    most = max(corrections.values())
    return min(category for category, count in corrections.items() if count == most and category)


def judge(rows: Mapping[str, FeedbackRow]) -> Judgement | None:
    """Return what all keys together say of one answer, ``None`` where they judge nothing."""
    said = [(key, *found) for key, row in rows.items() if (found := _opinion(row)) is not None]
    if not said:
        return None
    total = sum(weight for _, _, weight in said)
    score = sum(score * weight for _, score, weight in said) / total
    return Judgement(
        keys=tuple(key for key, _, _ in said),
        score=score,
        weight=max(weight for _, _, weight in said),
    )


def _opinion(row: FeedbackRow) -> tuple[float, float] | None:
    """Return score and weight of one row."""
    if row.rating is not None:
        return (row.rating + 1.0) / 2.0, 1.0
    return (0.0, _WISH_WEIGHT) if row.prefers_other else None


def weighted(judgements: Sequence[Judgement]) -> tuple[float, list[float]]:
    """Return the mean of judgements, and what each of them weighs."""
    loudness = Counter(key for judgement in judgements for key in judgement.keys)
    weights = [
        judgement.weight * max(1.0 / sqrt(loudness[key]) for key in judgement.keys)
        for judgement in judgements
    ]
    mean = sum(w * j.score for w, j in zip(weights, judgements, strict=True)) / sum(weights)
    return mean, weights


def _score(category: str, expert: str, judgements: Sequence[Judgement]) -> ScoreRow:
    mean, weights = weighted(judgements)
    total = sum(weights)
    effective = total**2 / sum(weight**2 for weight in weights)
    spread = sum(w * (j.score - mean) ** 2 for w, j in zip(weights, judgements, strict=True))
    scale = effective / total
    invented = mean**2 + (1.0 - mean) ** 2
    variance = (spread * scale + invented) / (effective + 2.0)
    return ScoreRow(category, expert, len(judgements), mean, sqrt(variance / effective))
