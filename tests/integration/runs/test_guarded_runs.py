"""Guardrails around runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from experts.providers.scripted_server import ScriptedServer
from orchestrator.guardrails.values import Event
from tests.integration.runs.conftest import MakeWorker, Place, ten_steps


def judge(event: Event) -> dict[str, object]:
    """Judge answers of runs: the number is not to be told, and a secret not at all."""
    (message,) = event.messages
    if "secret" in message["content"]:
        return {"outcome": "block", "reason": "a secret"}
    told = message["content"].replace("10", "***")
    return {"outcome": "redact", "messages": [{**message, "content": told}]}


@pytest.mark.parametrize(
    ("answer", "status"), [("the sum is 10", "finished"), ("a secret", "failed")]
)
async def test_the_answer_of_a_run_is_judged_before_it_is_told(
    place: Place,
    make_worker: MakeWorker,
    add_expert: Callable[..., Awaitable[ScriptedServer]],
    answer: str,
    status: str,
) -> None:
    script = ten_steps()
    script["turns"][-1] = f"<answer>{answer}</answer>"
    await add_expert(script)
    await make_worker(guardrails_after=f"{__name__}:judge")
    run = await place.until(await place.start())
    assert run["status"] == status
    if status == "finished":
        assert run["answer"] == "the sum is ***"
    else:
        assert run["answer"] is None
        assert run["error"]["code"] == "blocked_by_guardrail"
    assert run["spent"]["usd"] > 0
