"""``/v1/files``, as OpenAI's clients know it.

Wire: https://platform.openai.com/docs/api-reference/files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse

from orchestrator.files.multipart import MultipartInvalid, Part, boundary_of, parts_of
from orchestrator.files.schemas import FILE_ID, PURPOSES, FileDeleted, FileList, FileView
from orchestrator.files.service import FileInUse, FileService, FileUnknown
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import errors
from orchestrator.kit.registry import registry_reached
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

PATH = "/v1/files"
_LONGEST_NAME = 255
_LONGEST_FIELD = 4096
_PURPOSES = f"one of {', '.join(sorted(PURPOSES))}"


def _files(request: Request) -> FileService:
    service: FileService = request.app.state.services.files
    return service


Service = Annotated[FileService, Depends(_files)]
User = Annotated[Principal, Depends(require_role(Role.USER))]
FilePath = Annotated[str, Path(json_schema_extra={"pattern": f"^{FILE_ID.pattern}$"})]

router = APIRouter(prefix=PATH, tags=["files"], responses=errors(400, 401, 403, 503))

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["purpose", "file"],
                    "properties": {
                        "purpose": {"type": "string", "enum": sorted(PURPOSES)},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}}
}


@router.post("", openapi_extra=_FORM, responses=errors(413))
async def upload_file(request: Request, service: Service, principal: User) -> FileView:
    """Upload a file; it is stored as it comes, whatever its size."""
    form = _Form(request)
    with translated():
        file = await form.file()
        row = await service.upload(principal, _name(file), form.meant, form.content())
    return FileView.of(row)


@router.get("")
async def list_files(
    service: Service,
    principal: User,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after: Annotated[str | None, Query(max_length=64)] = None,
    purpose: Annotated[str | None, Query(max_length=64)] = None,
    order: Literal["asc", "desc"] = "desc",
) -> FileList:
    """List the files of the key's tenant; for an admin, everybody's."""
    if after is not None and not FILE_ID.fullmatch(after):
        raise _wrong("after: not a place in this list", "after")
    with translated():
        rows = await service.page(
            principal,
            limit=limit + 1,
            after=after,
            purpose=purpose,
            oldest_first=order == "asc",
        )
    views = [FileView.of(row) for row in rows[:limit]]
    return FileList(
        data=views,
        has_more=len(rows) > limit,
        first_id=views[0].id if views else None,
        last_id=views[-1].id if views else None,
    )


@router.get("/{file_id}", responses=errors(404))
async def get_file(file_id: FilePath, service: Service, principal: User) -> FileView:
    """Show a file."""
    with translated():
        return FileView.of(await service.get(principal, _known(file_id)))


@router.delete("/{file_id}", responses=errors(404, 409))
async def delete_file(file_id: FilePath, service: Service, principal: User) -> FileDeleted:
    """Delete a file that no job needs any more."""
    with translated():
        await service.delete(principal, _known(file_id))
    return FileDeleted(id=file_id)


@router.get("/{file_id}/content", response_class=StreamingResponse, responses=errors(404) | _BYTES)
async def get_content(file_id: FilePath, service: Service, principal: User) -> StreamingResponse:
    """Return what is in a file."""
    with translated():
        row = await service.get(principal, _known(file_id))
    headers = {"cache-control": "no-store"}
    return StreamingResponse(
        service.content(row), media_type="application/octet-stream", headers=headers
    )


class _Form:
    """A form with a file that is read as it comes; its fields may be before or after the file."""

    def __init__(self, request: Request) -> None:
        content_type = request.headers.get("content-type", "")
        try:
            self._parts = parts_of(request.stream(), boundary_of(content_type))
        except MultipartInvalid as error:
            raise _wrong(f"The body is not a form with a file: {error}.", None) from error
        self.purpose: str | None = None
        self._next: Part | None = None

    def meant(self) -> str:
        """Return what the file is for, once all of the form has been read."""
        if self.purpose is None:
            raise _wrong(f"The form must have a field 'purpose', {_PURPOSES}.", "purpose")
        return self.purpose

    async def file(self) -> Part:
        """Return the beginning of the file, once that is reached."""
        async for part in self._fields():
            if part.name == "file":
                return part
        raise _wrong("The form must have a field 'file' with a file.", "file")

    async def content(self) -> AsyncIterator[bytes]:
        """Yield the file, and read what follows it."""
        async for piece in self._parts:
            if isinstance(piece, Part):
                await self._read(piece)
                break
            yield piece
        async for _ in self._fields():
            pass

    async def _fields(self) -> AsyncIterator[Part]:
        while True:
            part = self._next
            self._next = None
            if part is None:
                found = await anext(self._parts, None)
                if found is None:
                    return
                part = found if isinstance(found, Part) else None
            if part is None:
                continue
            if part.name == "file":
                yield part
                return
            await self._read(part)

    async def _read(self, part: Part) -> None:
        """Read a field to its end."""
        value = bytearray()
        async for piece in self._parts:
            if isinstance(piece, Part):
                self._next = piece
                break
            value += piece
            if len(value) > _LONGEST_FIELD:
                raise _wrong(f"The field '{part.name[:64]}' is too long.", part.name[:64])
        if part.name == "purpose":
            self.purpose = value.decode("utf-8", "replace")
            if self.purpose not in PURPOSES:
                raise _wrong(f"'purpose' must be {_PURPOSES}.", "purpose")


def _name(file: Part) -> str:
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in name if c.isprintable())[:_LONGEST_NAME] or "upload"


def _known(file_id: str) -> str:
    if not FILE_ID.fullmatch(file_id):
        raise FileUnknown(file_id)
    return file_id


def _wrong(message: str, param: str | None) -> ApiError:
    return ApiError(400, "invalid_request", message, param=param)


@contextmanager
def translated() -> Iterator[None]:
    """Say what goes wrong with files in HTTP.

    Raises:
        ApiError: 400, 404, 409, or 503 where the registry is away.
    """
    try:
        with registry_reached():
            yield
    except MultipartInvalid as error:
        raise _wrong(f"The form cannot be read: {error}.", None) from error
    except FileUnknown as error:
        raise ApiError(404, "file_not_found", "You have no such file.", param="file_id") from error
    except FileInUse as error:
        raise ApiError(
            409, "file_in_use", "A job that has not ended still needs the file."
        ) from error
