"""Strategies on parts of a task in a stored run: held, resumed, drawn, and replayed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from experts.providers.scripted_server import ScriptedServer
from tests.integration.runs.conftest import MakeWorker, Place

AddExpert = Callable[..., Awaitable[ScriptedServer]]
TURNS = [
    '<call expert="strategy:cot+python">\nwhat-is 6 * 7\n</call>',
    "<answer>the sum is 42</answer>",
]
REPLIES = {
    "VERDICT": "VERDICT: CORRECT",
    "It printed": "<answer>forty-two</answer>",
    "what-is": "<python>print(6 * 7)</python>",
}
KEYS = [
    "conduct.1",
    "act.1.1",
    "act.1.1/cot_python.1",
    "act.1.1/cot_python.1.1",
    "act.1.1/cot_python.2",
    "conduct.2",
    "check.2",
]


async def test_one_waits_below_is_resumed_drawn_and_replayed(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert({"turns": TURNS, "replies": REPLIES})
    await make_worker()
    identifier = await place.start(approval=["python"])
    waiting = await place.until(identifier, "waiting")
    held = [step["key"] for step in waiting["steps"] if step["status"] == "waiting"]
    assert held == ["act.1.1/cot_python.1.1"]
    assert len(server.ledger.requests) == 2
    await place.client.post(f"/v1/runs/{identifier}/approve", json={})
    run = await place.until(identifier)
    assert (run["status"], run["answer"], run["verified"]) == ("finished", "the sum is 42", True)
    steps = {step["key"]: step for step in run["steps"]}
    assert set(steps) == set(KEYS)
    assert steps["act.1.1"]["output"] == "forty-two"
    # Each expert was asked once, in spite of the pause, and the step for the whole costs nothing.
    assert len(server.ledger.requests) == run["spent"]["calls"] == 5
    assert (steps["act.1.1"]["usd"], steps["act.1.1"]["prompt_tokens"]) == (0.0, 0)

    picture = await place.client.get(f"/v1/runs/{identifier}/graph")
    assert picture.headers["content-type"] == "text/vnd.mermaid; charset=utf-8"
    lines = [line.strip() for line in picture.text.split("\n")]
    whole = steps["act.1.1"]["number"]
    opened = lines.index(f'subgraph s{whole}["{whole}. strategy#58;cot+python"]')
    assert len([line for line in lines[opened : lines.index("end")] if '["' in line]) == 4

    wanted = {"from_step": "act.1.1/cot_python.2", "changes": {"output": "<answer>43</answer>"}}
    started = await place.client.post(f"/v1/runs/{identifier}/replay", json=wanted)
    again = await place.until(started.json()["id"])
    assert {step["key"]: step["output"] for step in again["steps"]}["act.1.1"] == "43"
    assert again["spent"]["calls"] == 2


async def test_a_picture_of_what_is_not_there(place: Place) -> None:
    answer = await place.client.get(f"/v1/runs/run_{'0' * 32}/graph")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "run_not_found")
