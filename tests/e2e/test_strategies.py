"""Strategies over the chat endpoint of a running service, as clients of OpenAI see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError, OpenAI

from tests.e2e.conftest import Server
from tests.e2e.support import row_of

TASK = "Which number is larger, 17 * 23 or 20 * 19?"
PLAN = '<call expert="helper">\nWhat is 20 * 19?\n</call>\n<python>\nprint(17 * 23)\n</python>'
TURNS = [PLAN, "<answer>17 * 23</answer>"]
EXPERTS: list[dict[str, Any]] = [
    {
        "id": "lead",
        "provider": "scripted",
        "parameters": {"script": {"turns": TURNS}},
        "tags": ["math"],
        "active_parameters": 70,
        "price": {"input": 10.0, "output": 10.0},
    },
    {
        "id": "helper",
        "provider": "scripted",
        "parameters": {"script": {"replies": {"Check": "VERDICT: CORRECT"}, "text": "380"}},
    },
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("strategies")
    running = Server(directory / "data", experts=EXPERTS).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: Server) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0)


MESSAGES: list[Any] = [{"role": "user", "content": TASK}]


def test_a_whole_answer_says_how_it_came_to_be(server: Server, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="coe-conductor", messages=MESSAGES, extra_body={"coe": {"explain": True}}
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == "17 * 23"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    assert raw.headers["x-coe-strategy"] == "conductor"
    assert raw.headers["x-coe-category"] == "math"
    told = answer.model_extra["coe"]
    assert told["run"]["verified"] is True
    assert [step["kind"] for step in told["steps"]] == [
        "plan",
        "expert",
        "python",
        "plan",
        "verify",
    ]
    row = row_of(server, raw.headers["x-coe-request-id"])
    assert row["status"] == "ok"
    assert row["model"] == "coe-conductor"
    assert row["completion_tokens"] == answer.usage.completion_tokens
    assert float(raw.headers["x-coe-cost"]) == pytest.approx(row["cost_usd"])
    assert row["cost_usd"] == pytest.approx(sum(step["usd"] for step in told["steps"]))


def test_a_stream_shows_the_steps_as_reasoning(client: OpenAI) -> None:
    content, reasoning = "", ""
    usage = None
    for chunk in client.chat.completions.create(
        model="coe-conductor",
        messages=MESSAGES,
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            content += choice.delta.content or ""
            reasoning += (choice.delta.model_extra or {}).get("reasoning_content") or ""
    assert content == "17 * 23"
    assert "391" in reasoning
    assert "VERDICT: CORRECT" in reasoning
    assert usage is not None
    assert usage.prompt_tokens > 0


def test_those_who_ask_get_typed_events(server: Server) -> None:
    body = {"model": "coe-conductor", "messages": MESSAGES, "stream": True, "coe": {"events": True}}
    with (
        server.client() as http,
        http.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        lines = [line for line in answer.iter_lines() if line.startswith("data: {")]
    told = [json.loads(line[6:]) for line in lines]
    events = [each["coe"]["event"] for each in told if "coe" in each]
    kinds = [event["type"] for event in events]
    assert kinds[0] == "step.started"
    assert kinds[-2:] == ["answer.delta", "run.finished"]
    assert kinds.count("step.started") == kinds.count("step.finished") == 5
    assert "step.delta" in kinds
    assert events[-1]["run"]["verified"] is True


@pytest.mark.parametrize("model", ["coe-direct", "coe-guide", "coe-correct", "coe-auto"])
def test_the_others_answer_too(client: OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=MESSAGES)
    assert answer.choices[0].message.content


def test_they_are_listed_as_models(client: OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {"coe-conductor", "coe-auto", "coe-guide"} <= names


def test_a_callers_tools_are_refused_and_its_limits_kept(client: OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "add", "parameters": {}}}
    with pytest.raises(APIStatusError) as caught:
        client.chat.completions.create(model="coe-conductor", messages=MESSAGES, tools=[tool])
    assert caught.value.status_code == 400
    answer = client.chat.completions.create(
        model="coe-conductor",
        messages=MESSAGES,
        extra_body={"coe": {"explain": True, "max_cost": 0.0025}},
    )
    assert answer.choices[0].message.content
    run = answer.model_extra["coe"]["run"]
    assert "0.0025 US dollars" in run["stopped"]
    assert run["cost_usd"] <= 0.0025


def test_an_unknown_one_is_not_found(client: OpenAI) -> None:
    with pytest.raises(APIStatusError) as caught:
        client.chat.completions.create(model="coe-telepathy", messages=MESSAGES)
    assert caught.value.status_code == 404


@pytest.mark.parametrize("stream", [False, True])
def test_when_everybody_fails_it_is_said_and_recorded(
    server: Server, client: OpenAI, stream: bool
) -> None:
    with server.client() as http:
        for name in ("lead", "helper"):
            entry = next(e for e in EXPERTS if e["id"] == name)
            broken = {**entry, "parameters": {"script": "fail:500"}}
            assert http.put(f"/admin/api/experts/{name}", json=broken).status_code == 200
        try:
            body = {"model": "coe-conductor", "messages": MESSAGES, "stream": stream}
            answer = http.post("/v1/chat/completions", json=body)
            request_id = answer.headers["x-coe-request-id"]
            assert "nothing_answered" in answer.text
            assert answer.status_code == (200 if stream else 502)
            row = row_of(server, request_id)
            assert (row["status"], row["error_code"]) == ("failed", "nothing_answered")
        finally:
            for entry in EXPERTS:
                http.put(f"/admin/api/experts/{entry['id']}", json=entry)


def test_a_client_that_goes_away_ends_the_run(server: Server) -> None:
    slow = {**EXPERTS[1], "id": "slow", "parameters": {"script": "delay:30|fixed:late"}}
    with server.client() as http:
        assert http.post("/admin/api/experts", json=slow).status_code == 201
        try:
            body = {
                "model": "coe-conductor",
                "messages": [{"role": "user", "content": TASK}],
                "stream": True,
            }
            lead = {
                **EXPERTS[0],
                "parameters": {"script": {"turns": [PLAN.replace("helper", "slow")]}},
            }
            http.put("/admin/api/experts/lead", json=lead)
            with http.stream("POST", "/v1/chat/completions", json=body) as answer:
                request_id = answer.headers["x-coe-request-id"]
                next(answer.iter_lines())
            row = row_of(server, request_id)
            assert row["status"] == "cancelled"
        finally:
            http.put("/admin/api/experts/lead", json=EXPERTS[0])
            http.delete("/admin/api/experts/slow")


def test_a_program_checks_what_the_request_says(client: OpenAI) -> None:
    checks = [{"regex": r"\d"}, {"equations": True}, {"schema": {"type": "integer"}}]
    raw = client.chat.completions.with_raw_response.create(
        model="coe-conductor",
        messages=MESSAGES,
        extra_body={"coe": {"checks": checks, "explain": True}},
    )
    explained = json.loads(raw.text)["coe"]
    programs = [step for step in explained["steps"] if step["key"].endswith(".program")]
    assert "It is not JSON" in programs[0]["output"]
    assert explained["run"]["verified"] is False
    assert [step for step in explained["steps"] if step["expert"] == "helper"][1:] == []
    with pytest.raises(APIStatusError) as caught:
        client.chat.completions.create(
            model="coe-conductor",
            messages=MESSAGES,
            extra_body={"coe": {"checks": [{"regex": "("}]}},
        )
    assert caught.value.status_code == 400
    assert json.loads(caught.value.response.text)["error"]["param"] == "coe.checks[0].regex"
