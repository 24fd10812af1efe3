"""``client.files`` and ``client.batches``, for coroutines."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

from coe_client.coroutines.group import AsyncGroup
from coe_client.lines import Lines
from coe_client.operations import batches as operations
from coe_client.paging import AsyncPages
from coe_client.requests import parse
from coe_client.types import (
    Batch,
    BatchEstimate,
    BatchResult,
    File,
    FileDeleted,
)
from coe_client.uploads import Progress


class AsyncFiles(AsyncGroup):
    """``client.files``: files for batches, and what batches wrote."""

    async def upload(
        self,
        source: Path | str | bytes,
        *,
        purpose: str = "batch",
        name: str | None = None,
        progress: Progress | None = None,
    ) -> File:
        """Upload a file; it is read as it is sent.

        Args:
            source: Its path, or what is in it.
            purpose: What it is for.
            name: What it is called; by default as on this machine.
            progress: Told of the bytes that are sent, and of how many there are.
        """
        held = source if isinstance(source, bytes) else Path(source)
        called = name or ("file.jsonl" if isinstance(held, bytes) else held.name)
        return await self._send(
            operations.upload_file(held, name=called, purpose=purpose, progress=progress)
        )

    def list(
        self,
        *,
        purpose: str | None = None,
        order: Literal["asc", "desc"] | None = None,
        page_size: int | None = None,
    ) -> AsyncPages[File]:
        """List the files of the key's tenant, the latest first.

        Args:
            purpose: Only those for this.
            order: ``asc``: the oldest first.
            page_size: Files fetched at a time.
        """
        return self._pages(
            lambda after: operations.list_files(after, page_size, purpose=purpose, order=order)
        )

    async def get(self, file_id: str) -> File:
        """Get a file's record."""
        return await self._send(operations.get_file(file_id))

    def content(self, file_id: str) -> AsyncGenerator[bytes]:
        """Yield what is in a file as it comes."""
        return self._pieces(operations.get_file_content(file_id))

    async def download(
        self, file_id: str, path: Path | str, *, progress: Progress | None = None
    ) -> Path:
        """Write what is in a file to this machine; the path is there once all of it is.

        Args:
            file_id: The file.
            path: Where to.
            progress: Told of the bytes that came, and of how many there are.
        """
        target = Path(path)
        part = target.with_name(f"{target.name}.part")
        total = (await self.get(file_id)).bytes if progress is not None else 0
        done = 0
        async with aclosing(self.content(file_id)) as pieces:
            with part.open("wb") as file:
                async for piece in pieces:
                    file.write(piece)
                    done += len(piece)
                    if progress is not None:
                        progress(done, total)
        return part.replace(target)

    async def delete(self, file_id: str) -> FileDeleted:
        """Delete a file that no batch has to read any more."""
        return await self._send(operations.delete_file(file_id))


class AsyncBatches(AsyncGroup):
    """``client.batches``: many requests, answered within a time."""

    async def create(
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
        return await self._send(request)

    async def submit(
        self,
        requests: Mapping[str, Mapping[str, Any]],
        *,
        endpoint: str = operations.CHAT,
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        priority: int | None = None,
        webhook: str | None = None,
    ) -> Batch:
        """Have requests answered: their file is written and uploaded, and the batch is made.

        ``requests`` are bodies of requests by ids of your own, which :meth:`results` gives back; the others are
        as in :meth:`create`. Many requests are better written to a file, line by line.
        """
        lines = operations.batch_lines(requests, endpoint)
        upload = operations.upload_file(lines, name="batch.jsonl", purpose="batch", progress=None)
        file = await self._send(upload)
        return await self.create(
            file.id,
            endpoint=endpoint,
            completion_window=completion_window,
            metadata=metadata,
            priority=priority,
            webhook=webhook,
        )

    async def wait(
        self,
        batch_id: str,
        *,
        progress: Callable[[Batch], None] | None = None,
        every: float = 5.0,
        within: float | None = None,
    ) -> Batch:
        """Wait until a batch has ended, whichever way.

        Args:
            batch_id: The batch.
            progress: Told how it is, each time it is asked after.
            every: Longest pause between two times, in seconds.
            within: Seconds until this gives up; ``None``: never.

        Raises:
            TimeoutError: It has not ended by then.
        """
        return await self._poll(lambda: self.get(batch_id), progress, every, within)

    async def results(self, batch_id: str) -> AsyncGenerator[BatchResult]:
        """Yield what came of a batch's requests: first those answered, then those that failed."""
        batch = await self.get(batch_id)
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is None:
                continue
            lines = Lines()
            async with aclosing(self._pieces(operations.get_file_content(file_id))) as pieces:
                async for piece in pieces:
                    for line in lines.feed(piece):
                        yield parse(BatchResult, line, request_id=None)
            for line in lines.rest():
                yield parse(BatchResult, line, request_id=None)

    async def estimate(
        self, input_file_id: str, *, endpoint: str = operations.CHAT
    ) -> BatchEstimate:
        """Say what the requests of a file are expected to cost; no expert is asked."""
        return await self._send(operations.estimate_batch(input_file_id, endpoint))

    def list(self, *, page_size: int | None = None) -> AsyncPages[Batch]:
        """List the batches of the key's tenant, the latest first."""
        return self._pages(lambda after: operations.list_batches(after, page_size))

    async def get(self, batch_id: str) -> Batch:
        """Get a batch."""
        return await self._send(operations.get_batch(batch_id))

    async def cancel(self, batch_id: str) -> Batch:
        """Have no more of a batch's requests begun; what was answered stays."""
        return await self._send(operations.cancel_batch(batch_id))
