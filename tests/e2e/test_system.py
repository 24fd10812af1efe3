"""The running installation, as the SDK and ``coe doctor`` see it."""

from __future__ import annotations

import pytest

from coe_client import Coe, PermissionDeniedError
from orchestrator.cli.doctor.examining import examine
from orchestrator.kit.settings import Settings
from tests.e2e.conftest import Server
from tests.e2e.support import eventually, make_key


def test_processes_and_stores_are_seen(server: Server) -> None:
    with Coe(base_url=server.url, api_key=server.key) as client:

        def worker_is_there() -> bool:
            return any(one.lease_until for one in client.system().processes.workers)

        assert eventually(worker_is_there, 60.0)
        system = client.system()
    (replica,) = system.processes.replicas
    assert server.process is not None
    assert (replica.pid, replica.ready, replica.answers_this) == (server.process.pid, True, True)
    assert replica.address == server.url
    (worker,) = system.processes.workers
    assert (worker.status, worker.version) == ("working", replica.version)
    assert worker.lease_until is not None
    assert system.database.migrated is True


def test_it_is_a_viewers_to_see(server: Server) -> None:
    key = make_key(server, role="user")["key"]
    refused = pytest.raises(PermissionDeniedError, match="viewer")
    with Coe(base_url=server.url, api_key=key) as client, refused:
        client.system()


def test_the_doctor_examines_what_runs_without_disturbing_it(server: Server) -> None:
    findings = {one.check: one for one in examine(Settings(data_dir=server.data_dir), {})}
    assert findings["service"].seen == f"It answers at {server.url}: ok."
    for check in ("data directory", "database", "migrations", "redis", "clock", "catalogue"):
        assert findings[check].state == "ok", findings[check]
    assert findings["open files"].seen.startswith("The service may open ")
    with server.client() as client:
        assert client.get("/readyz").json()["status"] == "ok"
