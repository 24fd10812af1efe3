"""Checks of the service: whether it runs, its stores, its processes, and who can reach it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.cli.doctor.findings import Finding, named, size
from orchestrator.system.presence import Process
from orchestrator.system.stores import Database, Memory

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_FULL = 0.8
_MANY_UNDRAINED = 10_000
_WORKER_STARTS = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Service:
    """The service of this data directory.

    Args:
        url: Where it wrote down that it listens; ``None``: it does not run.
        status: What ``/readyz`` says; ``None``: nothing answers there.
        wrong: What is in the way of requests, each with its reason.
    """

    url: str | None
    status: str | None = None
    wrong: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self.status is not None


def check_service(service: Service) -> Finding:
    """Tell whether it runs."""
    if service.url is None:
        return Finding("service", "note", "It does not run here.", "Start it with: coe serve")
    if not service.running:
        seen = f"It should be at {service.url} and does not answer."
        return Finding("service", "error", seen, "Look at its log, then start it anew: coe serve")
    seen = f"It answers at {service.url}: {service.status}."
    if service.status == "ok":
        return Finding("service", "ok", seen)
    return Finding(
        "service",
        "warning" if service.status == "degraded" else "error",
        f"{seen} {'; '.join(service.wrong)}",
        "See what else is found here.",
    )


def check_database(database: Database, *, running: bool) -> list[Finding]:
    """Tell how Postgres is, and whether its schema is the one that is needed."""
    seen = (
        f"Postgres {database.version} answers; {size(database.size_bytes)}, "
        f"{database.connections} of {database.max_connections} connections."
    )
    full = database.connections > _FULL * database.max_connections
    advice = "Raise max_connections, or put a pooler between: each process takes up to 15."
    return [
        Finding("database", "warning", seen, advice) if full else Finding("database", "ok", seen),
        _schema(database, running=running),
    ]


def _schema(database: Database, *, running: bool) -> Finding:
    check, at, needed = "migrations", database.revision, database.needed_revision
    if at == needed:
        return Finding(check, "ok", f"The schema is at {at}, as this version needs it.")
    if at is None:
        return Finding(check, "note", "There is no schema yet; the first start makes it.")
    if at > needed:
        seen = f"The schema is at {at}: newer than this version, which needs {needed}."
        return Finding(check, "warning", seen, "Run the newer version of the service everywhere.")
    seen = f"The schema is at {at}; this version needs {needed}."
    if running:
        advice = "An older version runs. Start this one, or bring it up with: coe db upgrade"
        return Finding(check, "warning", seen, advice)
    return Finding(check, "note", seen, "The next start brings it up; or do it now: coe db upgrade")


def check_memory(memory: Memory) -> list[Finding]:
    """Tell how Redis is, and whether it may forget what it must not."""
    bound = f" of {size(memory.max_bytes)}" if memory.max_bytes else ""
    name = memory.flavour.capitalize()
    seen = f"{name} {memory.version} answers; {size(memory.used_bytes)}{bound} used, {memory.keys} keys."
    found = []
    if memory.eviction_policy != "noeviction" and memory.max_bytes:
        lost = f" {memory.evicted_keys} keys are lost already." if memory.evicted_keys else ""
        found.append(
            Finding(
                "redis",
                "error" if memory.evicted_keys else "warning",
                f"{name} may drop data when it is full ({memory.eviction_policy}).{lost}",
                "Set maxmemory-policy noeviction: usage, budgets and the queue are in there.",
            )
        )
    if not memory.append_only:
        advice = "Set appendonly yes: what it forgets at a restart is usage not yet in Postgres."
        found.append(Finding("redis", "warning", f"{name} writes no append-only file.", advice))
    if memory.max_bytes and memory.used_bytes > _FULL * memory.max_bytes:
        found.append(Finding("redis", "warning", f"It is nearly full. {seen}", "Raise maxmemory."))
    return found or [Finding("redis", "ok", seen)]


def check_processes(
    listed: Sequence[Process], *, needed: str, undrained: int, now: datetime
) -> list[Finding]:
    """Tell which processes there are, and whether one is missing.

    Args:
        listed: Those that tell of themselves.
        needed: The version of the service that this command is of.
        undrained: Usage records that wait for Postgres.
        now: When they were looked at.
    """
    replicas = [one for one in listed if one.kind == "replica"]
    workers = [one for one in listed if one.kind == "worker"]
    if not listed:
        return []
    found = [Finding("processes", "ok", f"Replicas: {len(replicas)}, workers: {len(workers)}.")]
    if replicas and not workers:
        seen = "No worker runs: runs, batches and jobs wait."
        # A replica's own worker starts after it.
        new = now - max(one.started_at for one in replicas) < _WORKER_STARTS
        advice = "Set COE_WORKER=true, or start: coe worker"
        found = [Finding("processes", "note" if new else "warning", seen, advice)]
    ill = [f"{one.id} ({one.state})" for one in replicas if one.state not in {"ok", "stopping"}]
    if ill:
        seen = f"Not well: {named(ill)}."
        found.append(Finding("processes", "warning", seen, "Run coe doctor on their machines."))
    others = sorted({one.version for one in listed} - {needed})
    if others:
        seen = f"Processes of version {named(others)} run beside {needed}."
        found.append(Finding("processes", "note", seen, "Finish the upgrade."))
    if undrained > _MANY_UNDRAINED:
        seen = f"{undrained} usage records wait for Postgres."
        found.append(Finding("processes", "warning", seen, "See that Postgres keeps up."))
    return found


def check_exposure(
    host: str, *, public_url: str | None, limited: bool | None, metrics_public: bool
) -> list[Finding]:
    """Tell whether strangers can reach the service, and what then stands between them and its money.

    Args:
        host: Address that it listens on.
        public_url: Address that people reach it at.
        limited: Whether any tenant or key has limits; ``None``: unknown.
        metrics_public: Whether metrics need no key.
    """
    if host in _LOOPBACK:
        return [Finding("exposure", "ok", f"It listens on {host}: only this machine reaches it.")]
    found = []
    where = f"It listens on {host}, where other machines reach it"
    if not (public_url or "").startswith("https://"):
        advice = "Put a proxy with TLS in front, and set COE_PUBLIC_URL=https://..."
        found.append(
            Finding("exposure", "warning", f"{where}, and speaks no TLS: keys can be read.", advice)
        )
    if limited is False:
        advice = "Set limits and budgets: coe limits set --help"
        found.append(
            Finding("exposure", "warning", f"{where}, and nobody's use is limited.", advice)
        )
    if metrics_public:
        seen = f"{where}, and /metrics needs no key."
        advice = "Set COE_METRICS_PUBLIC=false, or keep that path to yourself in the proxy."
        found.append(Finding("exposure", "warning", seen, advice))
    return found or [Finding("exposure", "ok", f"{where}, with TLS in front and limits.")]
