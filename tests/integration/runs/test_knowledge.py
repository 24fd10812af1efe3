"""What a worker's runs learn, they and the next ones are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from experts.providers.scripted_server import ScriptedServer
from orchestrator.conductor.gate import History
from orchestrator.conductor.values import Task
from tests.integration.runs.conftest import MakeWorker, Place, ten_steps

AddExpert = Callable[..., Awaitable[ScriptedServer]]


async def test_a_worker_counts_checks_and_keeps_lessons(
    place: Place, make_worker: MakeWorker, add_expert: AddExpert
) -> None:
    server = await add_expert(ten_steps())
    path = "/admin/api/feedback/content/default"
    assert (await place.client.put(path, json={"store": True})).status_code == 200
    worker = await make_worker()
    run = await place.until(await place.start())
    assert (run["status"], run["verified"]) == ("finished", True)
    task = Task((), "", tenant="default", category="general")
    assert worker.services.knowledge.histories.of(task) == History(1, 0)
    [kept] = (await place.client.get("/admin/api/lessons")).json()["data"]
    assert (kept["task"], kept["answer"]) == ("Add it all up.", "the sum is 10")

    before = len(server.ledger.requests)
    run = await place.until(await place.start())
    assert run["steps"][0]["kind"] == "lessons"
    first = server.ledger.requests[before]["messages"]
    assert "the sum is 10" in str(first[1]["content"])
    assert first[-1]["content"] == "Add it all up."
