"""What is wrong with an installation, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from coe_client.types import System

_CLOCK_SECONDS = 2.0
_FREE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that somebody should do something about.

    Args:
        what: What was seen.
        do: What to do.
        tone: ``warn`` or ``bad``.
    """

    what: str
    do: str
    tone: str = "warn"


def problems(system: System) -> list[Problem]:
    """Return what is wrong, the worst first."""
    found = [*_stores(system), *_workers(system), *_versions(system)]
    return sorted(found, key=lambda one: one.tone != "bad")


def _stores(system: System) -> list[Problem]:
    database, redis, disk = system.database, system.redis, system.disk
    found = []
    if database.migrated is False:
        found.append(
            Problem("The schema is older than this version.", "Run: coe db upgrade", "bad")
        )
    if redis.eviction_policy not in {None, "noeviction"}:
        told = f"Redis may evict keys ({redis.eviction_policy})."
        found.append(
            Problem(
                told,
                "Usage, limits and messages can be lost: set maxmemory-policy noeviction.",
                "bad",
            )
        )
    if redis.append_only is False:
        found.append(
            Problem(
                "Redis writes nothing to disk.",
                "Usage on its way is lost if it ends: set appendonly yes.",
            )
        )
    if (
        disk.free_bytes is not None
        and disk.total_bytes
        and disk.free_bytes < _FREE_SHARE * disk.total_bytes
    ):
        found.append(
            Problem(
                "The data directory's disk is nearly full.",
                "Make room, or move COE_DATA_DIR.",
                "bad",
            )
        )
    for name, ahead in (
        ("Postgres", database.clock_ahead_seconds),
        ("Redis", redis.clock_ahead_seconds),
    ):
        if ahead is not None and abs(ahead) > _CLOCK_SECONDS:
            found.append(
                Problem(
                    f"The clock of {name} is {abs(ahead):.0f} s off.",
                    "Leases and budgets go by it: run NTP.",
                )
            )
    return found


def _workers(system: System) -> list[Problem]:
    waits = (system.queues.runs_queued or 0) + (system.queues.jobs_queued or 0)
    if waits and not system.processes.workers:
        return [
            Problem(
                f"{waits} runs and jobs wait, and no worker is there.",
                "Start one with: coe worker",
                "bad",
            )
        ]
    return []


def _versions(system: System) -> list[Problem]:
    told = [one.version for one in system.processes.replicas]
    told += [one.version or "" for one in system.processes.workers]
    versions = set(filter(None, told))
    if len(versions) > 1:
        return [
            Problem(
                f"Processes are of different versions: {', '.join(sorted(versions))}.",
                "Finish the upgrade.",
            )
        ]
    return []
