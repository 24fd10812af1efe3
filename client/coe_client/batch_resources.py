"""The groups of operations on files, batches and jobs, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from coe_client import batch_operations as operations
from coe_client.paging import Pages
from coe_client.resources import _Group
from coe_client.types.batches import (
    Batch,
    BatchEstimate,
    File,
    FileDeleted,
    Job,
    JobDetail,
    JobRequeued,
)


class Files(_Group):
    """``client.files``: files for batches, and what batches wrote."""

    def upload(self, path: Path | str, *, purpose: str = "batch") -> File:
        """Upload a file; it is read as it is sent."""
        return self._transport.send(operations.upload_file(Path(path), purpose))

    def list(self, *, page_size: int | None = None) -> Pages[File]:
        """List the files of the key's tenant, the latest first."""
        return Pages(self._transport.send, lambda after: operations.list_files(after, page_size))

    def get(self, file_id: str) -> File:
        """Get a file's record."""
        return self._transport.send(operations.get_file(file_id))

    def content(self, file_id: str) -> Iterator[bytes]:
        """Yield what is in a file as it comes."""
        yield from self._transport.pieces(operations.get_content(file_id))

    def delete(self, file_id: str) -> FileDeleted:
        """Delete a file that no batch has to read any more."""
        return self._transport.send(operations.delete_file(file_id))


class Batches(_Group):
    """``client.batches``: many requests, answered within a time."""

    def create(
        self,
        input_file_id: str,
        *,
        endpoint: str = operations.CHAT,
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        priority: int | None = None,
        webhook: str | None = None,
    ) -> Batch:
        """Have the requests of a file answered.

        Args:
            input_file_id: The file, in OpenAI's form for batches.
            endpoint: That all of its requests are for.
            completion_window: Minutes, hours or days until it ends, done or not, such as ``24h``.
            metadata: For you; the service does not read it.
            priority: Among the tenant's jobs; higher goes first.
            webhook: Id of a webhook that is told of the end.
        """
        request = operations.create_batch(
            input_file_id,
            endpoint=endpoint,
            completion_window=completion_window,
            metadata=metadata,
            priority=priority,
            webhook=webhook,
        )
        return self._transport.send(request)

    def estimate(self, input_file_id: str, *, endpoint: str = operations.CHAT) -> BatchEstimate:
        """Say what the requests of a file are expected to cost; no expert is asked."""
        return self._transport.send(operations.estimate_batch(input_file_id, endpoint))

    def list(self, *, page_size: int | None = None) -> Pages[Batch]:
        """List the batches of the key's tenant, the latest first."""
        return Pages(self._transport.send, lambda after: operations.list_batches(after, page_size))

    def get(self, batch_id: str) -> Batch:
        """Get a batch."""
        return self._transport.send(operations.get_batch(batch_id))

    def cancel(self, batch_id: str) -> Batch:
        """Have no more of a batch's requests begun; what was answered stays."""
        return self._transport.send(operations.cancel_batch(batch_id))


class Jobs(_Group):
    """``client.jobs``: jobs of all tenants, for operators."""

    def list(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        tenant: str | None = None,
        page_size: int | None = None,
    ) -> Pages[Job]:
        """List jobs, the latest first. Needs the role viewer.

        Args:
            kind: Only jobs of this kind, such as ``batch``.
            state: Only jobs that are ``queued``, ``running``, ``cancelling``, ``finished``, ``failed``,
                ``cancelled`` or ``expired``.
            tenant: Only this tenant's.
            page_size: Jobs fetched at a time.
        """
        return Pages(
            self._transport.send,
            lambda after: operations.list_jobs(
                after, page_size, kind=kind, state=state, tenant=tenant
            ),
        )

    def get(self, job_id: str) -> JobDetail:
        """Get a job, and why items of it failed. Needs the role viewer."""
        return self._transport.send(operations.get_job(job_id))

    def cancel(self, job_id: str) -> Job:
        """Cancel a job. Needs the role editor."""
        return self._transport.send(operations.cancel_job(job_id))

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
        return self._transport.send(request)
