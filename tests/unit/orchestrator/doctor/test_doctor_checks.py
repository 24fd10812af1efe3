"""What each check makes of what was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from experts.catalogue.expert import Expert, SecretRef
from orchestrator.cli.doctor.experts import (
    Outcome,
    Tried,
    check_answers,
    check_catalogue,
    check_prices,
    check_secrets,
)
from orchestrator.cli.doctor.findings import Finding, State, exit_code, named, size, worst
from orchestrator.cli.doctor.installation import (
    Service,
    check_database,
    check_exposure,
    check_memory,
    check_processes,
    check_service,
)
from orchestrator.cli.doctor.machine import (
    Directory,
    check_clocks,
    check_directory,
    check_disk,
    check_files,
    check_spool,
)
from orchestrator.cli.doctor.trying import judged
from orchestrator.system.presence import Process
from orchestrator.system.stores import Database, Memory

DATABASE = Database("18.1", 9_600_000, 10, 100, "0017", "0017", 0.0)
MEMORY = Memory("valkey", "9.1", 1_000_000, None, "noeviction", 0, True, 3, 7, 0.0)


def expert(**fields: Any) -> Expert:
    entry = {
        "id": "one",
        "provider": "openai",
        "model": "m",
        "endpoints": [{"url": "https://vendor.example/v1", "api_key": {"env": "A_KEY"}}],
        "price": {"input": 1, "output": 2},
    }
    return Expert.model_validate({**entry, **fields})


def process(**fields: Any) -> Process:
    told = {
        "id": "a", "kind": "replica", "host": "h", "pid": 1, "version": "1", "python": "3",
        "started_at": datetime.now(UTC), "state": "ok",
    }  # fmt: skip
    return Process(**{**told, **fields})


def states(findings: list[Finding]) -> list[State]:
    return [one.state for one in findings]


def test_the_worst_decides_the_exit_code() -> None:
    found = [Finding("a", state, "") for state in ("ok", "note", "warning", "error")]
    assert [exit_code(found[:many]) for many in range(5)] == [0, 0, 0, 1, 2]
    assert worst([]) == "ok"


def test_what_is_long_is_cut() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named([str(n) for n in range(1000)]) == "0, 1, 2, 3, 4 and 995 more"
    assert [size(n) for n in (7, 9_600_000, 3e15)] == ["7 B", "9.6 MB", "3000.0 TB"]


@pytest.mark.parametrize(
    ("directory", "state", "says"),
    [
        (Directory("/d", False, False, {}), "note", "not there yet"),
        (Directory("/d", True, True, {"secret-key": 0o600}), "ok", "can be used"),
        (Directory("/d", True, False, {}), "error", "cannot be written"),
        (Directory("/d", True, True, {"secret-key": 0o644}), "error", "/d/secret-key can be read"),
        (Directory("/d", True, True, {"admin-key": 0o620}), "error", "mode 620"),
    ],
)
def test_the_data_directory(directory: Directory, state: State, says: str) -> None:
    (finding,) = check_directory(directory, root=False)
    assert finding.state == state
    assert says in finding.seen
    assert bool(finding.advice) == (state == "error")


@pytest.mark.parametrize(
    ("total", "free", "state"),
    [
        (100e9, 50e9, "ok"),
        (100e9, 4e9, "warning"),
        (10e9, 1.9e9, "warning"),
        (100e9, 1e8, "error"),
    ],
)
def test_disk(total: float, free: float, state: State) -> None:
    assert check_disk("/d", int(total), int(free)).state == state


def test_the_spool() -> None:
    assert check_spool(0, running=True).state == "ok"
    assert check_spool(10, running=True).state == "warning"
    assert check_spool(10, running=False).state == "note"


@pytest.mark.parametrize(
    ("limit", "state"), [(None, "ok"), (65536, "ok"), (1024, "note"), (256, "warning")]
)
def test_open_files(limit: int | None, state: State) -> None:
    finding = check_files(limit, of_service=True)
    assert finding.state == state
    assert bool(finding.advice) == (state != "ok")


def test_clocks() -> None:
    assert check_clocks({"Postgres": None, "Redis": None}) == []
    (same,) = check_clocks({"Postgres": 0.9, "Redis": -0.9})
    assert same.state == "ok"
    found = check_clocks({"Postgres": 1.5, "Redis": -61.0, "other": 0.0})
    assert states(found) == ["warning", "error"]
    assert "Redis is 61.0 s behind" in found[1].seen


@pytest.mark.parametrize(
    ("service", "state"),
    [
        (Service(None), "note"),
        (Service("http://x"), "error"),
        (Service("http://x", "ok"), "ok"),
        (Service("http://x", "degraded", ("redis: away",)), "warning"),
        (Service("http://x", "not ready", ("experts: none",)), "error"),
    ],
)
def test_the_service(service: Service, state: State) -> None:
    finding = check_service(service)
    assert finding.state == state
    assert all(reason in finding.seen for reason in service.wrong)


@pytest.mark.parametrize(
    ("revision", "running", "state"),
    [
        ("0017", True, "ok"),
        ("0018", True, "warning"),
        ("0016", True, "warning"),
        ("0016", False, "note"),
        (None, False, "note"),
    ],
)
def test_migrations(revision: str | None, running: bool, state: State) -> None:
    _, schema = check_database(replace(DATABASE, revision=revision), running=running)
    assert schema.state == state


def test_connections() -> None:
    full, _ = check_database(replace(DATABASE, connections=81), running=True)
    assert full.state == "warning"


def test_redis() -> None:
    assert states(check_memory(MEMORY)) == ["ok"]
    # Without a bound nothing is ever evicted.
    assert states(check_memory(replace(MEMORY, eviction_policy="allkeys-lru"))) == ["ok"]
    bounded = replace(MEMORY, max_bytes=100_000_000)
    lru = replace(bounded, eviction_policy="allkeys-lru")
    assert states(check_memory(lru)) == ["warning"]
    (lost,) = check_memory(replace(lru, evicted_keys=3))
    assert (lost.state, "3 keys are lost" in lost.seen) == ("error", True)
    assert states(check_memory(replace(bounded, used_bytes=81_000_000))) == ["warning"]
    assert states(check_memory(replace(MEMORY, append_only=False))) == ["warning"]


def test_processes() -> None:
    worker = process(id="w", kind="worker", state="working")

    def found(*listed: Process, undrained: int = 0, minutes: float = 2) -> list[State]:
        later = datetime.now(UTC) + timedelta(minutes=minutes)
        return states(check_processes(listed, needed="1", undrained=undrained, now=later))

    assert found() == []
    assert found(process(), worker) == ["ok"]
    assert found(process()) == ["warning"]
    assert found(process(), minutes=0) == ["note"]  # its worker may be starting
    assert found(process(state="not ready"), worker, undrained=10_001) == ["ok", *["warning"] * 2]
    assert found(process(version="2"), worker) == ["ok", "note"]


def test_exposure() -> None:
    def found(host: str, **how: Any) -> list[State]:
        given = {"public_url": "https://x.example", "limited": True, "metrics_public": False}
        return states(check_exposure(host, **{**given, **how}))

    assert found("127.0.0.1", public_url=None, limited=False, metrics_public=True) == ["ok"]
    assert found("0.0.0.0") == ["ok"]
    assert found("0.0.0.0", limited=None) == ["ok"]
    assert found("10.0.0.1", public_url="http://x.example") == ["warning"]
    assert found("0.0.0.0", public_url=None, limited=False, metrics_public=True) == ["warning"] * 3


def test_the_catalogue() -> None:
    assert check_catalogue([expert()], 1, 1).state == "ok"
    assert check_catalogue([], 1, 1).state == "warning"
    assert check_catalogue([expert()], 2, 1).state == "error"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "ok"),
        ({"price": {}}, "warning"),
        ({"price": {"output": 1}}, "warning"),
        ({"price": {"input": 1}, "capabilities": ["embeddings"]}, "ok"),
        ({"price": {"tiers": [{"above": 10, "input": 1}]}}, "ok"),
        ({"price": {}, "endpoints": [{"url": "http://127.0.0.1:1/v1"}]}, "ok"),
        ({"price": {}, "provider": "litellm", "endpoints": []}, "warning"),
        ({"price": {}, "provider": "python", "endpoints": []}, "ok"),
    ],
)
def test_prices(fields: dict[str, Any], state: State) -> None:
    assert states(check_prices([expert(**fields)])) == [state]


def test_secrets() -> None:
    stored = expert(id="two", endpoints=[{"url": "http://h/v1", "api_key": {"stored": "s"}}])
    missing = {SecretRef(env="A_KEY"): "A_KEY is not set.", SecretRef(stored="s"): "No s."}
    found = check_secrets([expert(), expert(id="three"), stored], missing.get)
    # What is not set here may be set where the service runs.
    assert states(found) == ["warning", "error"]
    assert found[0].seen == "A_KEY is not set. Needed by: one, three."
    assert states(check_secrets([expert(), stored], lambda _: None)) == ["ok"]
    assert check_secrets([], missing.get)[0].seen == "None is needed."


def test_answers() -> None:
    outcomes: list[Outcome] = [
        "answers",
        "misses",
        "refuses",
        "fails",
        "silent",
        "wrong",
        "untried",
    ]
    found = check_answers([Tried(f"http://{one}", (one,), one, "why") for one in outcomes])
    by_seen = {one.seen: one for one in found}
    assert by_seen["answers can be reached."].state == "ok"
    assert by_seen["Not tried: untried."].state == "note"
    assert by_seen["http://refuses refuses the key (why). Experts there: refuses."].state == "error"
    assert [one.state for one in found[:5]] == ["warning", "error", "warning", "error", "error"]
    (asked,) = check_answers([Tried("ada", ("ada",), "fails", "timeout")])
    assert asked.seen == "ada answers with an error (timeout)."


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"data": [{"id": "m"}]}', "answers"),
        (200, b'{"data": [{"id": "other"}]}', "misses"),
        (200, b"<html>", "answers"),
        (200, b'{"data": []}', "answers"),
        (200, b"[" * 100_000, "answers"),
        (401, b"", "refuses"),
        (403, b"", "refuses"),
        (404, b"", "answers"),
        (429, b"", "answers"),
        (302, b"", "fails"),
        (503, b"", "fails"),
    ],
)
def test_what_a_server_says_when_asked_for_its_models(
    status: int, body: bytes, outcome: Outcome
) -> None:
    (tried,) = judged("http://h/v1", status, body, [expert()])
    assert (tried.outcome, tried.experts) == (outcome, ("one",))
