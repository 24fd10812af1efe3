"""Live traffic as prompts."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.evaluations.evaluation import Plan
from orchestrator.evaluations.live import answers_of, live_expert, named, sampled, task_of
from orchestrator.evaluations.prompts import conversation, judged, request_of
from orchestrator.evaluations.records import Verdict


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {"request_id": f"req_{number}", "status": "ok", "expert": "old", **fields}


def test_a_share_that_is_the_same_every_time() -> None:
    records = [record(n) for n in range(2000)]
    tenth = sampled(records, 0.1, ["new"])
    assert 150 < len(tenth) < 250
    ids = {each["request_id"] for each in tenth}
    assert ids <= {each["request_id"] for each in sampled(records[::-1], 0.2, ["new"])}
    assert sampled(records, 0.0, []) == []
    others = [record(1, status="failed"), record(2, expert=None), record(3, expert="new")]
    assert sampled(others, 1.0, ["new"]) == []


@pytest.mark.parametrize(
    ("messages", "answer"),
    [
        ([{"role": "user", "content": "Hi"}], None),
        ([{"role": "user", "content": "Hi"}], ""),
        ([], "Hello"),
        ([{"role": "system", "content": "Be kind."}], "Hello"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "Hello"),
        ([{"role": "user", "content": "Hi"}, {"role": "tool", "content": "7"}], "Hello"),
        ([{"role": "user", "content": "Hi", "tool_calls": [{}]}], "Hello"),
        (["Hi"], "Hello"),
    ],
)
def test_what_is_not_text_with_an_answer_is_left_out(
    messages: list[Any], answer: str | None
) -> None:
    assert task_of(record(1), messages, answer) is None


def test_what_was_answered_is_not_asked_again_and_named_in_the_scores() -> None:
    said = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And now?"},
    ]
    task = task_of(record(1, category="talk", cost_usd=0.002, duration_ms=1500), said, "Bye")
    assert task is not None
    assert (task.prompt, task.category, judged(task)) == ("And now?", "talk", True)
    assert list(conversation(task)) == said
    assert request_of(task).startswith("system: Be kind.\n\nuser: Hi")
    plan = Plan([task], [live_expert()], parameters={"max_tokens": 9})
    [asking] = plan.answers()
    given = answers_of(plan)[asking.question.key]
    assert (given.text, given.nanos, given.seconds) == ("Bye", 2_000_000, 1.5)
    verdicts = [
        Verdict(key="1", prompt="req_1", judge="j", a="live", b="new", winner="b"),
        Verdict(key="2", prompt="req_1", judge="j", a="new", b="live", winner="unclear"),
    ]
    [row] = named(verdicts, [task])
    assert row["comparisons"] == [{"a": "old", "b": "new", "winner": "b", "judge": "j"}]
    assert named([], [task]) == []
