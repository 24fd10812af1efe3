"""``client.jobs``, for coroutines."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, Unpack

from coe_client.coroutines.group import AsyncGroup
from coe_client.operations import jobs as operations
from coe_client.paging import AsyncPages
from coe_client.types import Job, JobDetail, JobOptions, JobRequeued, ScheduledTask

if TYPE_CHECKING:
    import builtins


class AsyncJobs(AsyncGroup):
    """``client.jobs``: jobs of all tenants, for operators."""

    async def start(self, kind: str, **options: Unpack[JobOptions]) -> Job:
        """Start a job. Needs the role editor.

        Args:
            kind: ``export``, ``training`` or ``evaluation``.
            options: What it is about; which there are depends on the kind.
        """
        return await self._send(operations.start_job(kind, **options))

    def list(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        tenant: str | None = None,
        q: str | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[Job]:
        """List jobs, the latest first unless said otherwise. Needs the role viewer.

        Args:
            kind: Only jobs of this kind, such as ``batch``.
            state: Only jobs that are ``queued``, ``running``, ``cancelling``, ``finished``, ``failed``,
                ``cancelled`` or ``expired``.
            tenant: Only this tenant's.
            q: Only what has all of these words, or their beginnings, in its kind, tenant, error or metadata;
                or what an id begins with.
            sort: What comes first: ``-created``, ``-cost``, ``-items`` or ``-failed``; without the ``-``
                the smallest.
            page_size: Jobs fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_jobs(
                after, page_size, kind=kind, state=state, tenant=tenant, q=q, sort=sort
            ),
        )

    async def get(self, job_id: str) -> JobDetail:
        """Get a job, and why items of it failed. Needs the role viewer."""
        return await self._send(operations.get_job(job_id))

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job. Needs the role editor."""
        return await self._send(operations.cancel_job(job_id))

    async def wait(
        self,
        job_id: str,
        *,
        progress: Callable[[Job], None] | None = None,
        every: float = 5.0,
        within: float | None = None,
    ) -> Job:
        """Wait until a job has ended, as ``client.batches.wait``. Needs the role viewer."""

        async def ask() -> Job:
            return await self.get(job_id)

        return await self._poll(ask, progress, every, within)

    async def requeue(
        self, job_id: str, *, error_code: str | None = None, dropped: bool = False
    ) -> JobRequeued:
        """Have failed items of an ended job tried again. Needs the role editor.

        Args:
            job_id: The job.
            error_code: Only those that failed with it.
            dropped: Also those that were never begun, since the job was stopped.
        """
        request = operations.requeue_job(job_id, error_code=error_code, dropped=dropped)
        return await self._send(request)

    def file(self, job_id: str, name: str) -> AsyncGenerator[bytes]:
        """Yield what is in a file that a job made, named in its ``result``. Needs the role viewer."""
        return self._pieces(operations.get_job_file(job_id, name))

    async def schedule(self) -> builtins.list[ScheduledTask]:
        """Tell what is done every so often, when it was last, and how that went. Needs viewer."""
        return (await self._send(operations.get_schedule())).data

    async def run_task(self, name: str) -> ScheduledTask:
        """Have a scheduled task done within seconds, whenever it would be due. Needs editor."""
        return await self._send(operations.run_scheduled_task(name))
