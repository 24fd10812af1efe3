"""Starts jobs, and reads what they have made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.files import repository as file_rows
from orchestrator.files.service import FileService
from orchestrator.job_kinds.schemas import JobWanted
from orchestrator.jobs.owners import told_of
from orchestrator.jobs.record import Row
from orchestrator.jobs.service import JobService
from orchestrator.kit.errors import ApiError
from orchestrator.kit.ids import uuid7
from orchestrator.runs.webhooks import service as webhooks
from orchestrator.tenants.keys import Principal


class Startable(Protocol):
    """A kind of job that operators start."""

    async def asked(self, principal: Principal, wanted: Any) -> Row:
        """Return what a job keeps of what is wanted.

        Raises:
            ApiError: Naming the field that is wrong.
        """
        ...


@dataclass(frozen=True, slots=True)
class JobStarter:
    """Starts jobs.

    Args:
        jobs: Keeps them.
        files: Keeps what they make.
        kinds: Those that can be started.
    """

    jobs: JobService
    files: FileService
    kinds: Mapping[str, Startable]

    async def start(self, principal: Principal, wanted: JobWanted) -> Row:
        """Store a job and tell the workers.

        Raises:
            ApiError: If what is wanted cannot be had.
        """
        payload = await self.kinds[wanted.kind].asked(principal, wanted)
        if wanted.webhook is not None:
            async with self.jobs.engine.connect() as connection:
                if not await webhooks.exists(connection, principal.tenant, wanted.webhook):
                    raise ApiError(
                        400, "unknown_webhook", "Your tenant has no such webhook.", param="webhook"
                    )
        row = {
            "id": f"{wanted.kind}_{uuid7().hex}",
            "kind": wanted.kind,
            "tenant": principal.tenant,
            "key_id": principal.key_id,
            "priority": wanted.priority,
            "webhook": wanted.webhook,
            "metadata": wanted.metadata,
            "payload": {**payload, "owner": told_of(principal)},
        }
        return await self.jobs.add(row, wanted.deadline_seconds)

    async def made(self, job_id: str, name: str) -> AsyncIterator[bytes]:
        """Return what is in a file that a job has made.

        Raises:
            JobUnknown: If there is no such job.
            ApiError: 404 if it has made no such file.
        """
        job = await self.jobs.get(job_id, None)
        for made in (job["result"] or {}).get("files", ()):
            if made["name"] == name:
                async with self.jobs.engine.connect() as connection:
                    file = await file_rows.get(connection, made["file_id"], None)
                if file is not None:
                    return self.files.content(file)
        raise ApiError(
            404, "file_not_found", "The job has made no such file, or it is gone.", param="name"
        )
