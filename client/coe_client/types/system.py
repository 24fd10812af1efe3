"""How the installation is: its processes, queues and stores."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from coe_client.types.base import WireModel


class SystemPart(WireModel):
    """A part, as it could be seen. What else is said of it is ``None`` until it has answered once."""

    state: str = ""
    """``ok``, ``slow`` (it has not answered at once) or ``away``; what else is said is older then."""
    problem: str | None = None
    """What is wrong with it."""
    read_at: datetime | None = None
    """When it last answered."""


class Replica(WireModel):
    """A process that serves requests."""

    id: str
    host: str = ""
    pid: int = 0
    version: str = ""
    """Of the service."""
    python: str = ""
    started_at: datetime | None = None
    seen_at: datetime | None = None
    """When it last told of itself."""
    address: str | None = None
    """Where its machine reaches it."""
    number: int | None = None
    """Which of the processes it is that share the address; ``None``: it has it alone."""
    status: str = ""
    """``ok``, ``degraded``, ``not ready`` or ``stopping``."""
    ready: bool = False
    """Whether it takes requests."""
    requests: int = 0
    """That it was serving then."""
    answers_this: bool = False
    """Whether it is the one that answered."""


class Worker(WireModel):
    """A process that does runs and jobs."""

    id: str
    status: str = ""
    """``working``, or ``silent`` where only its lease is known."""
    host: str | None = None
    pid: int | None = None
    version: str | None = None
    python: str | None = None
    started_at: datetime | None = None
    seen_at: datetime | None = None
    lease_until: datetime | None = None
    """Until when others leave its items alone."""
    runs: int | None = None
    """That it was at then."""
    items: int | None = None
    """Of jobs, likewise."""


class SystemProcesses(SystemPart):
    """The processes that have told of themselves within the last seconds."""

    replicas: list[Replica] = Field(default_factory=list)
    workers: list[Worker] = Field(default_factory=list)


class SystemQueues(SystemPart):
    """What waits to be done."""

    runs_queued: int | None = None
    """That wait for a worker."""
    runs_running: int | None = None
    runs_waiting: int | None = None
    """For somebody's approval."""
    oldest_run_queued_at: datetime | None = None
    jobs_queued: int | None = None
    jobs_running: int | None = None
    jobs_cancelling: int | None = None
    items_open: int | None = None
    """Items of open jobs that have not ended."""
    oldest_job_queued_at: datetime | None = None
    webhooks_due: int | None = None
    """Messages to webhooks, those that wait included."""
    messages: int | None = None
    """In the queue that tells workers of runs."""
    usage_undrained: int | None = None
    """Usage records not yet in Postgres."""


class SystemDatabase(SystemPart):
    """Postgres."""

    version: str | None = None
    size_bytes: int | None = None
    connections: int | None = None
    """To this database."""
    max_connections: int | None = None
    """To the server."""
    revision: str | None = None
    """Of the schema."""
    needed_revision: str | None = None
    """That the replica's version of the service goes by."""
    migrated: bool | None = None
    """Whether the first is no older."""
    clock_ahead_seconds: float | None = None
    """Of the replica's clock."""


class SystemRedis(SystemPart):
    """Redis, or Valkey."""

    flavour: str | None = None
    """``redis`` or ``valkey``."""
    version: str | None = None
    used_bytes: int | None = None
    max_bytes: int | None = None
    """``None``: not bounded."""
    eviction_policy: str | None = None
    """Anything but ``noeviction`` may lose usage, limits and messages."""
    evicted_keys: int | None = None
    append_only: bool | None = None
    """Whether each change is written to a file."""
    clients: int | None = None
    keys: int | None = None
    clock_ahead_seconds: float | None = None
    """Of the replica's clock."""


class SystemDisk(SystemPart):
    """The file system of the replica's data directory."""

    path: str | None = None
    total_bytes: int | None = None
    free_bytes: int | None = None
    spool_bytes: int | None = None
    """Of usage that waits in a file for Redis."""


class SystemBuild(WireModel):
    """What the replica that answers is made of."""

    version: str = ""
    python: str = ""
    machine: str = ""
    packages: dict[str, str] = Field(default_factory=dict)


class System(WireModel):
    """The installation at a moment, as the replica that answers sees it."""

    checked_at: datetime
    status: str = ""
    """``ok``, or ``degraded`` if a part is not."""
    build: SystemBuild
    processes: SystemProcesses
    queues: SystemQueues
    database: SystemDatabase
    redis: SystemRedis
    disk: SystemDisk
