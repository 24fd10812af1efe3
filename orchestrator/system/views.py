"""From what was seen to what is told. Pure."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator.system.build import machine, own_version, packages, python
from orchestrator.system.presence import Process
from orchestrator.system.readings import Reading
from orchestrator.system.schemas import (
    BuildView,
    DatabaseView,
    DiskView,
    ProcessesView,
    QueuesView,
    RedisView,
    ReplicaView,
    SystemView,
    WorkerView,
)
from orchestrator.system.service import Overview, Worker, workers_of

_SERVING = frozenset({"ok", "degraded"})


def system_view(seen: Overview, instance: str, now: datetime) -> SystemView:
    """Return what is told.

    Args:
        seen: The parts.
        instance: Id of the process that answers.
        now: When they were looked at.
    """
    database = DatabaseView.model_validate(_told(seen.database, DatabaseView, "migrated"))
    views: dict[str, Any] = {
        "processes": _processes(seen, instance),
        "queues": _queues(seen),
        "database": database,
        "redis": RedisView.model_validate(_told(seen.memory, RedisView)),
        "disk": DiskView.model_validate(_told(seen.disk, DiskView)),
    }
    well = all(view.state == "ok" for view in views.values())
    build = BuildView(
        version=own_version(), python=python(), machine=machine(), packages=packages()
    )
    status = "ok" if well and database.migrated else "degraded"
    return SystemView(checked_at=now, status=status, build=build, **views)


def _told(reading: Reading[Any], view: type[Any], *properties: str) -> dict[str, Any]:
    """Return a part's fields, null where it has never answered."""
    value = reading.value
    fields: dict[str, Any] = dict.fromkeys(view.model_fields)
    if is_dataclass(value) and not isinstance(value, type):
        fields |= asdict(value) | {name: getattr(value, name) for name in properties}
    return fields | _part(reading)


def _part(*readings: Reading[Any]) -> dict[str, Any]:
    """Return what is told of a part; one that is seen in two places is as well as the worse of them."""
    worst = max(readings, key=lambda reading: ("ok", "slow", "away").index(reading.state))
    times = [reading.read_at for reading in readings]
    oldest = None if None in times else min(time for time in times if time is not None)
    return {"state": worst.state, "problem": worst.problem, "read_at": oldest}


def _processes(seen: Overview, instance: str) -> ProcessesView:
    listed = seen.processes.value or []
    leases = seen.waiting.value.leases if seen.waiting.value else {}
    return ProcessesView(
        **_part(seen.processes),
        replicas=[_replica(one, instance) for one in listed if one.kind == "replica"],
        workers=[_worker(one) for one in workers_of(listed, leases)],
    )


def _replica(process: Process, instance: str) -> ReplicaView:
    return ReplicaView(
        **_of_process(process),
        id=process.id,
        address=process.address,
        number=process.number,
        status=process.state,
        ready=process.state in _SERVING,
        requests=process.busy.get("requests", 0),
        answers_this=process.id == instance,
    )


def _worker(worker: Worker) -> WorkerView:
    process = worker.process
    told: dict[str, Any] = {"status": "silent"}
    if process is not None:
        told = {**_of_process(process), "status": process.state}
        told |= {name: process.busy.get(name, 0) for name in ("runs", "items")}
    blank = dict.fromkeys(WorkerView.model_fields)
    return WorkerView.model_validate(
        {**blank, **told, "id": worker.id, "lease_until": worker.lease_until}
    )


def _of_process(process: Process) -> dict[str, Any]:
    return {
        "host": process.host,
        "pid": process.pid,
        "version": process.version,
        "python": process.python,
        "started_at": process.started_at,
        "seen_at": datetime.fromtimestamp(process.seen_at, UTC),
    }


def _queues(seen: Overview) -> QueuesView:
    waiting, way = seen.waiting.value, seen.on_the_way.value
    fields: dict[str, Any] = dict.fromkeys(QueuesView.model_fields)
    if waiting is not None:
        fields |= {f"runs_{status}": many for status, many in waiting.runs.items()}
        fields |= {f"jobs_{state}": many for state, many in waiting.jobs.items()}
        fields |= {
            "items_open": waiting.items,
            "webhooks_due": waiting.webhooks,
            "oldest_run_queued_at": waiting.oldest_run,
            "oldest_job_queued_at": waiting.oldest_job,
        }
    if way is not None:
        fields |= {"messages": way.messages, "usage_undrained": way.usage}
    return QueuesView.model_validate(fields | _part(seen.waiting, seen.on_the_way))
