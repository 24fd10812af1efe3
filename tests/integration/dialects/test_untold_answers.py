"""A whole answer that a protocol cannot tell is a failure to its caller, and on record as one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.dialects.conftest import Talk, stream, whole

ASKED: dict[str, dict[str, Any]] = {
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"input": "hi"},
}


def called(arguments: str) -> dict[str, Any]:
    return {
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}
        ]
    }


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        ("/v1/messages", whole(called("no JSON"))),
        ("/v1/messages", whole({"content": "x", "tool_calls": "none"})),
        ("/v1/responses", whole({"content": "x", "tool_calls": [3]})),
    ],
)
async def test_it_is_recorded_as_failed_and_paid_for(talk: Talk, path: str, reply: bytes) -> None:
    answer = await talk.post(path, ASKED[path], reply)
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "expert_answer_invalid"
    row = await talk.record(answer)
    assert (row["status"], row["error_code"]) == ("failed", "expert_answer_invalid")
    assert (row["prompt_tokens"], row["completion_tokens"]) == (1000, 300)
    assert row["cost_usd"] == pytest.approx(0.0016)
    chat = await talk.post(
        "/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}, reply
    )
    assert chat.content == reply  # which has no need to understand it
    assert (await talk.record(chat))["status"] == "ok"


@pytest.mark.parametrize("path", ASKED)
async def test_a_stream_that_stops_making_sense_is_recorded_as_failed(
    talk: Talk, path: str
) -> None:
    reply = stream({"content": "one"}, {"tool_calls": [3]}, {"content": "two"})
    answer = await talk.post(path, {**ASKED[path], "stream": True}, reply)
    assert answer.status_code == 200
    assert "expert_answer_invalid" in answer.text.rpartition("event: ")[2] or (
        "response.failed" in answer.text
    )
    row = await talk.record(answer)
    assert (row["status"], row["error_code"]) == ("failed", "expert_answer_invalid")
    assert row["cost_usd"] > 0


@pytest.mark.parametrize("path", ASKED)
async def test_the_explanation_comes_last_in_every_protocol(talk: Talk, path: str) -> None:
    asked = {**ASKED[path], "coe": {"explain": True}}
    told = (await talk.post(path, asked, whole({"content": "x"}))).json()
    assert list(told)[-1] == "coe"
    assert told["coe"]["cost_usd"] == pytest.approx(0.0016)
