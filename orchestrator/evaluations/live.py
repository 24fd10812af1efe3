"""Live traffic as prompts: requests of a tenant that lets its content be stored, put to other experts.

Nothing of this is in the way of a request: what is read was answered and stored before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from experts.catalogue.expert import Expert
from experts.pricing import nanos_of
from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.evaluation import Plan
from orchestrator.evaluations.prompts import JUDGE, LIVE_MESSAGES
from orchestrator.evaluations.records import Answer, Verdict
from orchestrator.routers.shares import in_share

LIVE = "live"
"""Stands for whoever answered a request."""
_SALT = "shadow evaluation"
_SERVED, _ANSWER, _RECORD = "served_by", "live_answer", "live_record"
_ROLES = frozenset({"system", "developer", "user", "assistant"})


def sampled(
    records: Iterable[Mapping[str, Any]], share: float, challengers: Iterable[str]
) -> list[Mapping[str, Any]]:
    """Return the usage records that are looked at: a share of those that an expert answered.

    Which they are depends on their ids alone, so a later look finds the same again. Those that a challenger
    has answered itself are left out.

    Args:
        records: Of usage.
        share: 0 to 1.
        challengers: Ids of those who are put to the test.
    """
    left_out = {None, "", *challengers}
    return [
        record
        for record in records
        if record.get("status") == "ok"
        and record.get("expert") not in left_out
        and in_share(str(record["request_id"]), _SALT, share)
    ]


def task_of(
    record: Mapping[str, Any], messages: Sequence[Any], answer: str | None
) -> GradedTask | None:
    """Return a request as a prompt for a judge; ``None`` where it is not text alone, or has no answer.

    Args:
        record: Of its usage.
        messages: What was said, redacted.
        answer: What was answered.
    """
    if not answer or not messages or not all(_is_text(message) for message in messages):
        return None
    asked = [message["content"] for message in messages if message["role"] == "user"]
    if not asked:
        return None
    return GradedTask(
        id=str(record["request_id"]),
        category=str(record.get("category") or ""),
        prompt=asked[-1],
        grader=JUDGE,
        fields={
            LIVE_MESSAGES: [{"role": m["role"], "content": m["content"]} for m in messages],
            _SERVED: record["expert"],
            _ANSWER: answer,
            _RECORD: dict(record),
        },
    )


def live_expert() -> Expert:
    """Return the entry of whoever answered: it is never asked, since its answers are there."""
    return Expert.model_validate({"id": LIVE, "provider": "scripted"})


def answers_of(plan: Plan) -> dict[str, Answer]:
    """Return what was answered live, by the keys of a plan's questions.

    They have cost what they cost then, which is no part of the evaluation.
    """
    (live,) = [expert for expert in plan.experts if expert.id == LIVE]
    found = {}
    for task in plan.tasks:
        key, record = plan.question(task, live).key, task.fields[_RECORD]
        found[key] = Answer(
            key=key,
            prompt=task.id,
            expert=LIVE,
            text=task.fields[_ANSWER],
            read=int(record.get("prompt_tokens") or 0),
            written=int(record.get("completion_tokens") or 0),
            nanos=nanos_of(float(record.get("cost_usd") or 0.0)),
            seconds=float(record.get("duration_ms") or 0.0) / 1000.0,
        )
    return found


def named(verdicts: Iterable[Verdict], tasks: Iterable[GradedTask]) -> list[dict[str, Any]]:
    """Return rows for a router: prompts with comparisons that name who answered live.

    Args:
        verdicts: Of judges.
        tasks: The prompts.
    """
    by_prompt: dict[str, list[dict[str, str]]] = {}
    served = {task.id: str(task.fields[_SERVED]) for task in tasks}
    for each in verdicts:
        if each.winner != "unclear":
            a, b = (served[each.prompt] if name == LIVE else name for name in (each.a, each.b))
            entry = {"a": a, "b": b, "winner": str(each.winner), "judge": each.judge}
            by_prompt.setdefault(each.prompt, []).append(entry)
    rows = []
    for task in tasks:
        if task.id in by_prompt:
            row: dict[str, Any] = {"id": task.id, "prompt": task.prompt}
            if task.category:
                row["category"] = task.category
            rows.append({**row, "comparisons": by_prompt[task.id]})
    return rows


def _is_text(message: Any) -> bool:
    return (
        isinstance(message, Mapping)
        and message.get("role") in _ROLES
        and isinstance(message.get("content"), str)
        and not message.get("tool_calls")
    )
