"""What any replica or worker does every so often for the whole installation, one of them at a time.

What concerns runs and jobs is done by workers alone: :mod:`orchestrator.worker.work`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from orchestrator.audit.checking import AuditBroken, check_chain
from orchestrator.audit.log import AuditLog
from orchestrator.bootstrap.services import Services
from orchestrator.catalogue.seeding import refresh_from_file
from orchestrator.catalogue.service import CatalogueService
from orchestrator.jobs.schedule import Task, TaskFailed
from orchestrator.kit.errors import StartError
from orchestrator.usage.upkeep import UsageUpkeep

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_SUMS_SECONDS = 15.0


def upkeep_tasks(services: Services) -> tuple[Task, ...]:
    """Return the tasks."""
    settings = services.settings
    usage = UsageUpkeep(services.engine, settings.usage_retention_days)
    tasks = [
        Task("usage.partitions", 10 * _MINUTE, usage.partitions),
        Task("usage.sums", _SUMS_SECONDS, usage.sums),
        Task("usage.content", 10 * _MINUTE, usage.content),
        Task("usage.retention", _HOUR, usage.retention),
        Task("audit.check", _DAY, partial(_check_audit, services.audit)),
    ]
    if settings.experts_file is not None:
        read = partial(_read_experts, services.catalogue, settings.experts_file)
        tasks.append(Task("experts.file", _MINUTE, read))
    return tuple(tasks)


async def _check_audit(log: AuditLog) -> None:
    try:
        await check_chain(log)
    except AuditBroken as error:
        raise TaskFailed(f"the audit log was changed: {error}") from error


async def _read_experts(catalogue: CatalogueService, path: Path) -> None:
    try:
        await refresh_from_file(catalogue, path)
    except StartError as error:
        raise TaskFailed(str(error)) from error
