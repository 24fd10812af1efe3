"""Trainings: a router learned from a file and from stored feedback, in a process of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.feedback.service import FeedbackService
from orchestrator.files import repository as file_rows
from orchestrator.files.service import FileService, FileUnknown
from orchestrator.job_kinds.schemas import TrainingWanted
from orchestrator.job_kinds.training_process import ARTIFACT, REQUEST, RESULT
from orchestrator.job_kinds.training_run import TrainingFailed, trained
from orchestrator.jobs.kinds import WithoutItems
from orchestrator.jobs.record import Row
from orchestrator.jobs.turn import Turn
from orchestrator.kit.errors import ApiError
from orchestrator.routers.errors import RouterVersionInvalid
from orchestrator.routers.lifecycle import RouterVersions
from orchestrator.tenants.keys import Principal

KIND = "training"
_FEEDBACK = "feedback.jsonl"
_SUFFIXES = (".csv", ".parquet", ".jsonl.gz", ".csv.gz")
"""How names of files end that are not lines of JSON."""


@dataclass(frozen=True, slots=True)
class TrainingKind(WithoutItems):
    """Trainings as a kind of job; see :class:`orchestrator.jobs.kinds.Kind`.

    Args:
        files: Where data sets are uploaded to.
        feedback: Makes a data set of what callers thought of answers.
        versions: Where the router goes.
        embedders: Folder of models, if there is one.
    """

    files: FileService
    feedback: FeedbackService
    versions: RouterVersions
    embedders: Path | None

    async def asked(self, principal: Principal, wanted: TrainingWanted) -> Row:
        """Return what a job keeps of what is wanted.

        Raises:
            ApiError: If there is nothing to learn from.
        """
        if wanted.input_file_id is None and wanted.feedback_days is None:
            raise ApiError(
                400,
                "invalid_request",
                "Say what to learn from: input_file_id, feedback_days, or both.",
                param="input_file_id",
            )
        if wanted.input_file_id is not None:
            await uploaded(self.files, principal, wanted.input_file_id)
        return wanted.model_dump(
            include={"input_file_id", "feedback_days", "learning", "note", "shadow_share"}
        )

    async def run(self, job: Row, turn: Turn) -> None:
        """Learn a router, and store it as a candidate or a shadow."""
        await turn.begin()
        with tempfile.TemporaryDirectory(prefix="coe-training-") as name:
            folder = Path(name)
            try:
                await self._gather(job["payload"], folder, turn)
                await trained(folder, turn.tell)
                result = msgspec.json.decode((folder / RESULT).read_bytes())
                data = await asyncio.to_thread((folder / ARTIFACT).read_bytes)
                await turn.tell("storing the router")
                stored = await self._store(job, data)
            except TrainingFailed as error:
                await turn.fail("training_failed", str(error))
                return
        await turn.finish({**result, **stored})

    async def ended(self, connection: AsyncConnection, job: Row) -> None:
        """Do nothing: the router is stored before."""

    async def _gather(self, payload: Row, folder: Path, turn: Turn) -> None:
        """Write what is to be learned from into a folder.

        Raises:
            TrainingFailed: If there is nothing.
        """
        names = []
        await turn.tell("gathering data")
        if payload["input_file_id"] is not None:
            async with turn.engine.connect() as connection:
                file = await file_rows.get(connection, payload["input_file_id"], None)
            if file is None:
                raise TrainingFailed("The file is gone.")
            suffix = next((one for one in _SUFFIXES if file["name"].endswith(one)), ".jsonl")
            names.append(f"uploaded{suffix}")
            await _write(folder / names[-1], self.files.content(file))
        if payload["feedback_days"] is not None:
            said = await self.feedback.dataset(days=payload["feedback_days"])
            if said.strip():
                await asyncio.to_thread((folder / _FEEDBACK).write_bytes, said)
                names.append(_FEEDBACK)
        if not names:
            raise TrainingFailed("There is no feedback on requests whose text is stored.")
        request = {
            "data": names,
            "embedders": None if self.embedders is None else str(self.embedders),
            **payload["learning"],
        }
        (folder / REQUEST).write_bytes(msgspec.json.encode(request))

    async def _store(self, job: Row, data: bytes) -> Row:
        payload = job["payload"]
        by = f"{payload['owner']['name'][:120]} ({job['key_id']})"
        try:
            stored, _ = await self.versions.add(data, by=by, note=payload["note"])
        except RouterVersionInvalid as error:
            raise TrainingFailed(str(error)) from error
        if payload["shadow_share"] is not None and stored.status == "candidate":
            stored = await self.versions.shadow(stored.id, payload["shadow_share"], by=by)
        return {"router_version": stored.id, "version": stored.version, "status": stored.status}


async def uploaded(files: FileService, principal: Principal, file_id: str) -> Row:
    """Return a file of the caller's.

    Raises:
        ApiError: 404 if it has no such file.
    """
    try:
        return await files.get(principal, file_id)
    except FileUnknown as error:
        raise ApiError(
            404, "file_not_found", "You have no such file.", param="input_file_id"
        ) from error


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> None:
    with path.open("wb") as file:
        async for piece in pieces:
            try:
                await asyncio.to_thread(file.write, piece)
            except OSError as error:  # which would pass for a Postgres that is away
                told = f"The data cannot be written to {tempfile.gettempdir()}: {error.strerror}."
                raise TrainingFailed(told) from error
