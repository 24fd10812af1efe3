"""The running service with the worker that comes with it, and the commands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from typer.testing import Result

from coe_client import Coe
from tests import command
from tests.integration.runs.conftest import ten_steps


@pytest.fixture
def running(own_server: Any) -> Any:
    own_server.experts = [
        {
            "id": "everyone",
            "provider": "scripted",
            "parameters": {"script": ten_steps(delay=0.15)},
            "price": {"input": 1.0, "output": 2.0},
        }
    ]
    own_server.environ = {"COE_RUN_LEASE": "1"}
    own_server.worker = True
    return own_server.start()


def coe(server: Any, *arguments: str) -> Result:
    return command.coe(*arguments, environ={"COE_BASE_URL": server.url, "COE_API_KEY": server.key})


def worker_of(server: Any) -> psutil.Process:
    """Return the worker process once it is there."""
    children = psutil.Process(server.process.pid).children
    found = eventually(
        lambda: [c for c in children() if "orchestrator.worker.process" in " ".join(c.cmdline())]
    )
    return found[0]


def eventually(find: Callable[[], Any], seconds: float = 40.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_runs_with_the_service(running: Any) -> None:
    with Coe(base_url=running.url, api_key=running.key) as client:
        # Its worker is killed in the middle of a run; the service starts another, which goes on.
        first = client.runs.start("Add it all up.")
        seen = []
        for event in client.runs.events(first.id):
            seen.append(event)
            if event.type == "step.finished" and event.step and event.step.number == 4:
                worker_of(running).kill()
        assert seen[-1].type == "run.finished"
        found = client.runs.get(first.id)
        assert (found.status, found.answer, found.spent.calls) == ("finished", "the sum is 10", 10)
        assert "another is started" in running.log

        # The commands.
        done = coe(running, "run", "Add it all up.")
        assert (done.exit_code, done.stdout) == (0, "the sum is 10\n"), done.stderr
        assert done.stderr.count("✓") == 10
        identifier = coe(running, "run", "Add it all up.", "--background").stdout.strip()
        assert coe(running, "runs", "cancel", identifier).exit_code == 0
        ended = eventually(lambda: r if (r := client.runs.get(identifier)).ended else None)
        assert ended.status == "cancelled"
        listed = json.loads(coe(running, "runs", "list", "--json").stdout)
        assert [run["status"] for run in listed] == ["cancelled", "finished", "finished"]
        shown = coe(running, "runs", "show", first.id)
        assert shown.stdout == "the sum is 10\n"
        assert "Round 5" in shown.stderr
        again = coe(running, "runs", "replay", first.id, "--from", "act.4.1", "--result", "nothing")
        assert again.exit_code == 0
        replayed = next(iter(client.runs.list()))
        assert (replayed.replay_of, replayed.replay_from) == (first.id, "act.4.1")

    # A stream that is open does not hold up the stop, and a run goes on after the next start.
    with running.client() as http:
        run_id = http.post("/v1/runs", json={"task": "Add it all up."}).json()["id"]
        worker = worker_of(running)
        with http.stream("GET", f"/v1/runs/{run_id}/events") as stream:
            next(stream.iter_lines())
            assert running.stop() == 0, running.log
    assert not worker.is_running()
    running.start()
    with Coe(base_url=running.url, api_key=running.key) as client:
        events = list(client.runs.events(run_id))
        assert events[-1].run is not None
        assert events[-1].run.status == "finished"
        assert client.runs.get(run_id).spent.calls == 10
    assert running.stop() == 0
