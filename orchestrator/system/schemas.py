"""What ``GET /admin/api/system`` answers with."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from orchestrator.system.readings import State


class Part(BaseModel):
    """A part of the installation, as it could be seen. Its other fields are null until it has answered once."""

    state: State = Field(
        description="`slow`: it has not answered at once; `away`: it cannot be asked. What else is said is older then."
    )
    problem: str | None = Field(description="What is wrong with it.")
    read_at: datetime | None = Field(description="When it last answered.")


class ReplicaView(BaseModel):
    """A process that serves requests."""

    id: str
    host: str = Field(description="Name of its machine.")
    pid: int
    version: str = Field(description="Of the service.")
    python: str
    started_at: datetime
    seen_at: datetime = Field(description="When it last told of itself, by Redis's clock.")
    address: str | None = Field(description="Where its machine reaches it.")
    number: int | None = Field(
        description="Which of the processes it is that share the address; null: it has it alone."
    )
    status: str = Field(
        description="`ok`, `degraded`, `not ready` as /readyz says it, or `stopping`."
    )
    ready: bool = Field(description="Whether it takes requests.")
    requests: int = Field(description="That it was serving then.")
    answers_this: bool = Field(description="Whether it is the one that answers here.")


class WorkerView(BaseModel):
    """A process that does runs and jobs; `silent` where only its lease is known."""

    id: str
    status: str = Field(description="`working` or `silent`.")
    host: str | None
    pid: int | None
    version: str | None
    python: str | None
    started_at: datetime | None
    seen_at: datetime | None
    lease_until: datetime | None = Field(description="Until when others leave its items alone.")
    runs: int | None = Field(description="That it was at then.")
    items: int | None = Field(description="Of jobs, likewise.")


class ProcessesView(Part):
    """The processes that have told of themselves within the last seconds."""

    replicas: list[ReplicaView]
    workers: list[WorkerView]


class QueuesView(Part):
    """What waits to be done."""

    runs_queued: int | None = Field(description="That wait for a worker.")
    runs_running: int | None
    runs_waiting: int | None = Field(description="For somebody's approval.")
    oldest_run_queued_at: datetime | None
    jobs_queued: int | None
    jobs_running: int | None
    jobs_cancelling: int | None
    items_open: int | None = Field(description="Items of open jobs that have not ended.")
    oldest_job_queued_at: datetime | None
    webhooks_due: int | None = Field(description="Messages to webhooks, those that wait included.")
    messages: int | None = Field(description="In the queue that tells workers of runs.")
    usage_undrained: int | None = Field(description="Usage records not yet in Postgres.")


class DatabaseView(Part):
    """Postgres."""

    version: str | None
    size_bytes: int | None
    connections: int | None = Field(description="To this database.")
    max_connections: int | None = Field(description="To the server.")
    revision: str | None = Field(description="Of the schema.")
    needed_revision: str | None = Field(description="That this version of the service goes by.")
    migrated: bool | None = Field(description="Whether the first is no older.")
    clock_ahead_seconds: float | None = Field(description="Of this replica's clock.")


class RedisView(Part):
    """Redis, or Valkey."""

    flavour: str | None = Field(description="`redis` or `valkey`.")
    version: str | None
    used_bytes: int | None
    max_bytes: int | None = Field(description="Null: not bounded.")
    eviction_policy: str | None = Field(
        description="Anything but `noeviction` may lose usage, limits and messages."
    )
    evicted_keys: int | None
    append_only: bool | None = Field(description="Whether each change is written to a file.")
    clients: int | None
    keys: int | None
    clock_ahead_seconds: float | None = Field(description="Of this replica's clock.")


class DiskView(Part):
    """The file system of this replica's data directory."""

    path: str | None
    total_bytes: int | None
    free_bytes: int | None
    spool_bytes: int | None = Field(description="Of usage that waits in a file for Redis.")


class BuildView(BaseModel):
    """What the replica that answers is made of."""

    version: str
    python: str
    machine: str
    packages: dict[str, str]


class SystemView(BaseModel):
    """The installation at a moment, as the replica that answers sees it."""

    checked_at: datetime
    status: str = Field(description="`ok`, or `degraded` if a part is not.")
    build: BuildView
    processes: ProcessesView
    queues: QueuesView
    database: DatabaseView
    redis: RedisView
    disk: DiskView
