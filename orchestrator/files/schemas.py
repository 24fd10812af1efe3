"""Files as OpenAI's API shows them.

Wire: https://platform.openai.com/docs/api-reference/files/object.
"""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel

from orchestrator.files.repository import Row

FILE_ID = re.compile(r"file-[0-9a-f]{32,33}")
PURPOSES = frozenset({"batch", "evals", "fine-tune"})
"""What files are uploaded for: batches, evaluations, the training of a router."""


class FileView(BaseModel):
    """One file."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return a file's row as it is shown."""
        expires = row["expires_at"]
        return cls(
            id=row["id"],
            bytes=row["bytes"],
            created_at=int(row["created_at"].timestamp()),
            expires_at=None if expires is None else int(expires.timestamp()),
            filename=row["name"],
            purpose=row["purpose"],
        )


class FileList(BaseModel):
    """One page of files."""

    object: Literal["list"] = "list"
    data: list[FileView]
    has_more: bool
    first_id: str | None
    last_id: str | None


class FileDeleted(BaseModel):
    """A file that is gone."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True
