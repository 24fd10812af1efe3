"""The process of a training, seen from the worker: begun, listened to, ended with the job."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio import StreamReader
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

_PASSED_ON = frozenset(
    {"HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR", "TZ", "VIRTUAL_ENV"}
)
"""All of the environment that it needs; secrets are none of it."""
_THREADS = "_NUM_THREADS"
_AT_FAULT = 2
_LAST_WORDS = 500

Tell = Callable[[str, int, int | None], Awaitable[None]]


class TrainingFailed(Exception):
    """No router can be learned; says why."""


async def trained(folder: Path, tell: Tell) -> None:
    """Have a process learn what a folder says, and return once it has.

    Args:
        folder: With the request and the data; the artefact and what there is to say of it will be there.
        tell: Is told how far it is.

    Raises:
        TrainingFailed: If the data is at fault, or the process died.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "orchestrator.job_kinds.training_process",
        str(folder),
        env={k: v for k, v in os.environ.items() if k in _PASSED_ON or k.endswith(_THREADS)},
        stdin=PIPE,  # it ends when nobody holds this any more
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    words = asyncio.create_task(_last_words(process.stderr))
    try:
        await _listen(process.stdout, tell)
        code, said = await process.wait(), await words
    finally:
        words.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code != 0:
        raise TrainingFailed(_reason(code, said))


async def _listen(lines: StreamReader | None, tell: Tell) -> None:
    if lines is None:
        return
    async for line in lines:
        doing, done, of = msgspec.json.decode(line, type=tuple[str, int, int | None])
        await tell(doing, done, of)


async def _last_words(stream: StreamReader | None) -> str:
    said = b""
    while stream is not None and (block := await stream.read(4096)):
        said = (said + block)[-_LAST_WORDS:]
    return said.decode("utf-8", "replace").strip()


def _reason(code: int, said: str) -> str:
    if code == _AT_FAULT:
        return said
    if code < 0:
        return (
            f"The process that learned was killed (signal {-code}); there may be too little memory."
        )
    return f"The process that learned ended with {code}: {said.rpartition(chr(10))[2]}"
