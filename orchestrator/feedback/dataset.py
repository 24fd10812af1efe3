"""From feedback to a data set that routers are learned from: a pure function of the rows.

A prompt is one row, however often it was asked: what was said of an expert's answers to it is
averaged as in :mod:`orchestrator.feedback.scores`, so that asking again adds little. A request whose
answer was said to be worse than another's to the same prompt, and nothing else of it, is a
comparison of the two experts and no score.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from orchestrator.feedback.scores import (
    FeedbackRow,
    Judgement,
    UsageRow,
    answered,
    corrected_category,
    judge,
    latest,
    weighted,
)

MIN_CONFIDENCE = 0.5
"""What the router took a request for is no label where it was less sure than that."""


@dataclass(slots=True)
class _Prompt:
    """What was said of all requests with one text."""

    id: str
    corrections: list[FeedbackRow] = field(default_factory=list)
    decided: Counter[str] = field(default_factory=Counter)
    judgements: dict[str, list[Judgement]] = field(default_factory=lambda: defaultdict(list))
    compared: dict[tuple[str, frozenset[str]], dict[str, str]] = field(default_factory=dict)
    """Comparisons, by the key that says so and the two experts."""
    requests: int = 0

    def row(self, text: str) -> dict[str, Any]:
        """Return it as a row of a data set; empty where there is nothing to learn from."""
        scores = {
            expert: round(weighted(judgements)[0], 4)
            for expert, judgements in sorted(self.judgements.items())
        }
        comparisons = list(self.compared.values())
        corrected = corrected_category(self.corrections)
        if not (scores or comparisons or corrected):
            return {}
        row: dict[str, Any] = {"id": self.id, "prompt": text, "requests": self.requests}
        if corrected:
            row |= {"category": corrected, "labelled_by": "caller"}
        elif self.decided:
            most = max(self.decided.values())
            likely = min(name for name, count in self.decided.items() if count == most)
            row |= {"category": likely, "labelled_by": "router"}
        return row | {"scores": scores} | ({"comparisons": comparisons} if comparisons else {})


def dataset(
    feedback: Iterable[FeedbackRow], usage: Iterable[UsageRow], texts: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return a row for each prompt that something was said of.

    Args:
        feedback: In any order.
        usage: The requests they speak of; those that were not answered are left out.
        texts: What requests said, by id; those whose text is not stored are left out.

    Returns:
        Rows with ``id`` (of the first request), ``prompt``, ``category`` and who it is from
        (``labelled_by``), ``scores`` by expert from 0 to 1, ``comparisons`` of experts (``a`` was
        asked first), and of how many ``requests`` all that was said.
    """
    requests = answered(usage)
    prompts: dict[str, _Prompt] = {}
    for request_id, rows in sorted(latest(feedback, requests).items()):
        text = texts.get(request_id, "").strip()
        if text:
            prompt = prompts.setdefault(text, _Prompt(request_id))
            _add(prompt, requests[request_id], rows, requests, texts)
    found = (prompt.row(text) for text, prompt in prompts.items())
    return [row for row in found if row]


def json_lines(
    feedback: Iterable[FeedbackRow], usage: Iterable[UsageRow], texts: Mapping[str, str]
) -> bytes:
    """Return the same as JSON lines."""
    return msgspec.json.Encoder().encode_lines(dataset(feedback, usage, texts))


def _add(
    prompt: _Prompt,
    request: UsageRow,
    rows: Mapping[str, FeedbackRow],
    requests: Mapping[str, UsageRow],
    texts: Mapping[str, str],
) -> None:
    """Count what was said of one more request with the prompt's text."""
    expert = request.expert or ""
    prompt.requests += 1
    prompt.corrections += rows.values()
    if request.category and (request.confidence or 0.0) >= MIN_CONFIDENCE:
        prompt.decided[request.category] += 1
    judging = dict(rows)
    for key, row in rows.items():
        better = requests.get(row.preferred_request or "")
        if better is None or not better.expert:
            continue
        if texts.get(better.request_id, "").strip() != texts[request.request_id].strip():
            continue
        if better.expert != expert:
            pair = frozenset((expert, better.expert))
            prompt.compared[key, pair] = _comparison(request, better)
            if row.rating is None:
                del judging[key]
    judgement = judge(judging)
    if judgement is not None:
        prompt.judgements[expert].append(judgement)


def _comparison(worse: UsageRow, better: UsageRow) -> dict[str, str]:
    """Return a comparison of two answers; ``a`` is the one that was there first."""
    first, second = sorted((worse, better), key=lambda row: row.request_id)
    winner = "a" if first is better else "b"
    return {"a": first.expert or "", "b": second.expert or "", "winner": winner}
