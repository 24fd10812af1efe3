"""What the pages say of experts that are tried and admitted; parts end with whoever looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from coe_client.types import Admission, AdmissionEvidence, AdmissionRule, Trial, TrialError
from orchestrator.admin.pages.experts.admission import decision, rule
from orchestrator.admin.pages.experts.trial import outcome
from orchestrator.admin.parts.sources import Query
from orchestrator.admin.parts.states import _Left, _while_seen

EVIDENCE = AdmissionEvidence(
    source="shots.jsonl",
    prompts=20,
    right=15,
    needed=9,
    score=0.75,
    score_ci95=(0.5, 0.9),
    above_chance=0.67,
    above_chance_ci95=(0.38, 0.85),
    p_value=0.001,
    power=0.9,
)


def test_a_trial_tells_its_answer_escaped_with_what_it_took() -> None:
    told = outcome(
        Trial(
            ok=True,
            request_id="req_1",
            answer="<b>17",
            finish_reason="length",
            duration_ms=1500,
            prompt_tokens=3,
            completion_tokens=4,
            tokens_estimated=True,
            cost_usd=0.002,
        )
    )
    assert "&lt;b&gt;17" in told
    assert "about 3 in, 4 out" in told
    assert "cut off" in told
    assert "/admin/requests/req_1" in told


def test_a_trial_that_fails_says_what_to_do() -> None:
    error = TrialError(code="expert_unreachable", message="Nobody is there.", advice="Check <it>.")
    told = outcome(Trial(ok=False, request_id="req_1", error=error, duration_ms=3))
    for part in (
        "It did not answer",
        "Nobody is there.",
        "Check &lt;it&gt;.",
        "expert_unreachable",
    ):
        assert part in told


def test_an_admission_says_by_which_rule_and_on_what_evidence() -> None:
    one = Admission(
        id="adm_1", expert="a", version=1, admitted=True, rule=AdmissionRule(), evidence=EVIDENCE
    )
    told = dict(decision(one))
    assert told["Right answers"] == "15 of 20; 9 were needed"
    assert "admitted" in str(told["Result"])
    assert "Same answer when asked again" not in told
    assert rule(one).startswith("better than a blind guess, wrongly so in 5")
    strict = one.model_copy(update={"rule": AdmissionRule(floor=0.5, consistent=0.8)})
    assert "0.50 above a blind guess" in rule(strict)
    assert "the same answer to 80" in rule(strict)


def test_an_order_is_told_as_the_api_calls_it() -> None:
    assert [Query().order, Query(sort="cost").order] == [None, "cost"]
    assert Query(sort="cost", descending=True).order == "-cost"


class Viewer:
    """Stands for whoever looks at a page."""

    def __init__(self) -> None:
        self.is_deleted = False
        self._told: list[Callable[[], Any]] = []

    def on_delete(self, handler: Callable[[], Any]) -> None:
        self._told.append(handler)

    def leave(self) -> None:
        for handler in self._told:
            handler()
        self.is_deleted = True


async def test_a_drawing_ends_when_its_viewer_leaves() -> None:
    viewer, begun, steps = Viewer(), asyncio.Event(), list[str]()

    async def drawing() -> None:
        begun.set()
        await asyncio.sleep(60)
        steps.append("drew on")

    async def seen() -> None:
        content: Any = nullcontext()
        await _while_seen(viewer, content, drawing)  # type: ignore[arg-type]

    left = asyncio.create_task(seen())
    await begun.wait()
    viewer.leave()
    with pytest.raises(_Left):
        await left
    begun.clear()
    stopped = asyncio.create_task(seen())
    await begun.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert steps == []
