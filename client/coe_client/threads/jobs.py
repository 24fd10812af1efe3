"""``client.jobs``, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Unpack

from coe_client.operations import jobs as operations
from coe_client.paging import Pages
from coe_client.threads.group import Group
from coe_client.types import Job, JobDetail, JobOptions, JobRequeued, ScheduledTask

if TYPE_CHECKING:
    import builtins


class Jobs(Group):
    """``client.jobs``: jobs of all tenants, for operators."""

    def start(self, kind: str, **options: Unpack[JobOptions]) -> Job:
        """Start a job. Needs the role editor.

        Args:
            kind: ``export``, ``training`` or ``evaluation``.
            options: What it is about; which there are depends on the kind.
        """
        return self._send(operations.start_job(kind, **options))

    def list(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        tenant: str | None = None,
        q: str | None = None,
        sort: str | None = None,
        page_size: int | None = None,
    ) -> Pages[Job]:
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

    def get(self, job_id: str) -> JobDetail:
        """Get a job, and why items of it failed. Needs the role viewer."""
        return self._send(operations.get_job(job_id))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job. Needs the role editor."""
        return self._send(operations.cancel_job(job_id))

    def wait(
        self,
        job_id: str,
        *,
        progress: Callable[[Job], None] | None = None,
        every: float = 5.0,
        within: float | None = None,
    ) -> Job:
        """Wait until a job has ended, as ``client.batches.wait``. Needs the role viewer."""

        def ask() -> Job:
            return self.get(job_id)

        return self._poll(ask, progress, every, within)

    def requeue(
        self, job_id: str, *, error_code: str | None = None, dropped: bool = False
    ) -> JobRequeued:
        """Have failed items of an ended job tried again. Needs the role editor.

        Args:
            job_id: The job.
            error_code: Only those that failed with it.
            dropped: Also those that were never begun, since the job was stopped.
        """
        request = operations.requeue_job(job_id, error_code=error_code, dropped=dropped)
        return self._send(request)

    def file(self, job_id: str, name: str) -> Generator[bytes]:
        """Yield what is in a file that a job made, named in its ``result``. Needs the role viewer."""
        return self._pieces(operations.get_job_file(job_id, name))

    def schedule(self) -> builtins.list[ScheduledTask]:
        """Tell what is done every so often, when it was last, and how that went. Needs viewer."""
        return (self._send(operations.get_schedule())).data

    def run_task(self, name: str) -> ScheduledTask:
        """Have a scheduled task done within seconds, whenever it would be due. Needs editor."""
        return self._send(operations.run_scheduled_task(name))
