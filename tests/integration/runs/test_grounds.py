"""What a run is given to work with: the same as a chat request's strategy, stored, and replayed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from experts.providers.scripted_server import ScriptedServer
from tests.integration.runs.conftest import MakeWorker, Place

AddExpert = Callable[..., Awaitable[ScriptedServer]]
SCHEMA = {"type": "object", "required": ["sum"]}
GROUNDS: dict[str, Any] = {
    "context": ["The ledger says 10.", "A rumour says 11."],
    "facts": [["Ada", "born in", "London"]],
    "checks": [{"regex": "[0-9]"}, {"units": True}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    "limits": {"calls": 6, "depth": 1},
}
CORRECTED = '{"sum": 10}'


async def test_they_are_kept_to_by_the_run_and_by_its_replay(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    script = {"replies": {"VERDICT": "VERDICT: CORRECT"}, "text": CORRECTED}
    server = await add_expert(script)
    identifier = await place.start(strategy="guide", **GROUNDS)
    await make_worker()
    run = await place.until(identifier)
    assert (run["answer"], run["verified"]) == (CORRECTED, True)
    assert run["context"] == GROUNDS["context"]
    assert run["facts"] == GROUNDS["facts"]
    assert run["checks"] == [{"regex": "[0-9]"}, {"schema": SCHEMA}, {"units": True}]
    assert (run["limits"]["calls"], run["limits"]["depth"]) == (6, 1)
    told = [str(request["messages"]) for request in server.ledger.requests]
    assert all(all(passage in each for passage in GROUNDS["context"]) for each in told)

    changes = {"output": "There are ten."}
    body = {"from_step": "follow", "changes": changes}
    started = await place.client.post(f"/v1/runs/{identifier}/replay", json=body)
    again = await place.until(started.json()["id"])
    refused = next(step for step in again["steps"] if step["kind"] == "verify")
    assert refused["expert"] == ""
    assert "JSON" in refused["output"]
    assert again["checks"] == run["checks"]
    assert again["answer"] == CORRECTED


async def test_a_walk_goes_over_them(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    await add_expert({"replies": {"born in": "Ada was born in London."}, "text": "Ada"})
    await make_worker()
    run = await place.until(
        await place.start(strategy="walk", task="Where was Ada born?", facts=GROUNDS["facts"])
    )
    assert run["status"] == "finished"
    assert any("London" in step["input"] + step["output"] for step in run["steps"])


@pytest.mark.parametrize(
    ("field", "param"),
    [
        ({"context": [3]}, "context[0]"),
        ({"facts": [["a", "b", ""]]}, "facts[0][2]"),
        ({"checks": [{"regex": "("}]}, "checks[0].regex"),
        ({"checks": [{"spelling": True}]}, "checks[0]"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": 3}}}},
            "response_format.json_schema.schema",
        ),
        ({"response_format": {"type": "a\x00"}}, "response_format"),
        ({"limits": {"depth": 9}}, "limits.depth"),
    ],
)
async def test_what_is_wrong_is_named_before_anything_is_stored(
    place: Place, add_expert: AddExpert, field: dict[str, Any], param: str
) -> None:
    await add_expert("echo")
    answer = await place.client.post("/v1/runs", json={"task": "x", **field})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert place.queue.empty()
