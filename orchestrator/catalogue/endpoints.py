"""The catalogue over HTTP: experts, their versions, secrets."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from pydantic import ValidationError

from experts.catalogue.entries import parse_entries, parse_entry
from experts.catalogue.errors import CatalogueInvalid, ExpertUnknown, Problem
from experts.catalogue.expert import SLUG, Expert
from experts.catalogue.repository import MAX_VERSION
from orchestrator.catalogue.schemas import (
    ApplyRequest,
    ApplyResult,
    ChangeRecord,
    DescribedBy,
    ExpertRecord,
    RollbackRequest,
    SecretValue,
    SecretView,
)
from orchestrator.catalogue.secrets import SecretStore, SecretUnknown
from orchestrator.catalogue.service import CatalogueService
from orchestrator.catalogue.translation import translated
from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

_VERSION = re.compile(r"[1-9][0-9]{0,9}")
_SECRET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def _catalogue(request: Request) -> CatalogueService:
    service: CatalogueService = request.app.state.services.catalogue
    return service


def _secrets(request: Request) -> SecretStore:
    store: SecretStore = request.app.state.services.secrets
    return store


Service = Annotated[CatalogueService, Depends(_catalogue)]
Secrets = Annotated[SecretStore, Depends(_secrets)]
Viewer = Annotated[Principal, Depends(require_role(Role.VIEWER))]
Editor = Annotated[Principal, Depends(require_role(Role.EDITOR))]
Admin = Annotated[Principal, Depends(require_role(Role.ADMIN))]
# The patterns are for readers of the schema: an id that could not exist is a plain 404.
ExpertPath = Annotated[str, Path(json_schema_extra={"pattern": f"^{SLUG.pattern}$"})]
SecretPath = Annotated[str, Path(json_schema_extra={"pattern": f"^{_SECRET_NAME.pattern}$"})]
ExpertBody = Annotated[Any, DescribedBy(Expert), Body(description="The entry.")]

router = APIRouter(prefix="/admin/api", responses=errors(400, 401, 403, 503))


@router.get("/experts", tags=["experts"])
async def list_experts(
    service: Service, _: Viewer, limit: Limit = 100, after: After = None
) -> Page[ExpertRecord]:
    """List the experts in the catalogue by id."""
    with translated():
        rows = await service.page(limit=limit + 1, after=_place(after, SLUG) or "")
        records = [ExpertRecord.of(row) for row in rows]
    return page(records, limit, lambda record: str(record.expert["id"]))


@router.post("/experts", tags=["experts"], status_code=201, responses=errors(409))
async def create_expert(body: ExpertBody, service: Service, principal: Editor) -> ExpertRecord:
    """Add an expert. One that was retired comes back with its history."""
    with translated():
        expert = parse_entry(body)
        return ExpertRecord.of(await service.create(expert, by=_name(principal)))


@router.post("/experts/apply", tags=["experts"])
async def apply_experts(body: ApplyRequest, service: Service, principal: Editor) -> ApplyResult:
    """Make the catalogue hold these experts, all or nothing, and say what changed."""
    with translated(many=True):
        changes = await service.apply(
            parse_entries(body.experts),
            by=_name(principal),
            prune=body.prune,
            dry_run=body.dry_run,
        )
    return ApplyResult(changes=[ChangeRecord.of(c) for c in changes], dry_run=body.dry_run)


@router.get("/experts/{expert_id}", tags=["experts"], responses=errors(404))
async def get_expert(expert_id: ExpertPath, service: Service, _: Viewer) -> ExpertRecord:
    """Return an expert as it is in force."""
    with translated():
        return ExpertRecord.of(await service.get(_known(expert_id)))


@router.put("/experts/{expert_id}", tags=["experts"], responses=errors(404, 409))
async def update_expert(
    expert_id: ExpertPath,
    body: ExpertBody,
    service: Service,
    principal: Editor,
    expected_version: Annotated[
        int | None,
        Query(ge=1, le=MAX_VERSION, description="Refuse if another version is in force by now."),
    ] = None,
) -> ExpertRecord:
    """Change an expert: a new version, or the present one where nothing differs."""
    with translated():
        expert = parse_entry(body)
        if expert.id != expert_id:
            raise CatalogueInvalid(
                [Problem(0, expert.id, "id", "is not the id in the address; ids never change")]
            )
        stored = await service.update(expert, by=_name(principal), expected=expected_version)
        return ExpertRecord.of(stored)


@router.delete("/experts/{expert_id}", tags=["experts"], status_code=204, responses=errors(404))
async def retire_expert(expert_id: ExpertPath, service: Service, principal: Editor) -> None:
    """Take an expert out of the catalogue. Its history is kept."""
    with translated():
        await service.retire(_known(expert_id), by=_name(principal))


@router.get("/experts/{expert_id}/versions", tags=["experts"], responses=errors(404))
async def list_versions(
    expert_id: ExpertPath, service: Service, _: Viewer, limit: Limit = 100, after: After = None
) -> Page[ExpertRecord]:
    """List what an expert was over time, the newest first; a retired one's too."""
    place = _place(after, _VERSION)
    before = None if place is None else min(int(place), MAX_VERSION)
    with translated():
        rows = await service.versions(_known(expert_id), limit=limit + 1, before=before)
        records = [ExpertRecord.of(row) for row in rows]
    return page(records, limit, lambda record: str(record.version))


@router.post("/experts/{expert_id}/rollback", tags=["experts"], responses=errors(404, 409))
async def rollback_expert(
    expert_id: ExpertPath, body: RollbackRequest, service: Service, principal: Editor
) -> ExpertRecord:
    """Put an old version in force again, as a new version. A retired expert comes back."""
    with translated():
        stored = await service.rollback(_known(expert_id), body.version, by=_name(principal))
        return ExpertRecord.of(stored)


@router.get("/secrets", tags=["secrets"])
async def list_secrets(
    store: Secrets, _: Admin, limit: Limit = 100, after: After = None
) -> Page[SecretView]:
    """List the names of stored secrets. Values are never given out."""
    with translated():
        rows = await store.page(limit=limit + 1, after=_place(after, _SECRET_NAME) or "")
    views = [SecretView.model_validate(row) for row in rows]
    return page(views, limit, lambda view: view.name)


@router.put("/secrets/{name}", tags=["secrets"], status_code=204)
async def put_secret(
    name: SecretPath,
    body: Annotated[Any, DescribedBy(SecretValue), Body()],
    store: Secrets,
    principal: Admin,
) -> None:
    """Store a secret, replacing an older one of that name."""
    if not _SECRET_NAME.fullmatch(name):
        raise ApiError(
            400,
            "invalid_secret",
            "A secret's name has lower-case letters, digits, '.', '_' and '-' only, up to 64.",
            param="name",
        )
    try:
        value = SecretValue.model_validate(body).value.get_secret_value()
        with translated():
            await store.put(name, value, by=_name(principal))
    except ValidationError as error:
        raise _secret_refused(error.errors(include_input=False)[0]["msg"]) from None
    except ValueError as error:
        raise _secret_refused(str(error)) from None


@router.delete("/secrets/{name}", tags=["secrets"], status_code=204, responses=errors(404))
async def delete_secret(name: SecretPath, store: Secrets, _: Admin) -> None:
    """Forget a secret. Experts that refer to it can no longer be called."""
    with translated():
        if not _SECRET_NAME.fullmatch(name):
            raise SecretUnknown("There is no stored secret of this name.")
        await store.delete(name)


def _secret_refused(reason: str) -> ApiError:
    return ApiError(400, "invalid_secret", f"value: {reason}", param="value")


def _known(expert_id: str) -> str:
    """Return the id if an expert could have it: what could not, the database is not asked."""
    if not SLUG.fullmatch(expert_id):
        raise ExpertUnknown(expert_id[:64])
    return expert_id


def _name(principal: Principal) -> str:
    return f"{principal.name[:120]} ({principal.key_id})"


def _place(after: str | None, shape: re.Pattern[str]) -> str | None:
    """Return where a page begins.

    Raises:
        ApiError: 400 if no page ever ended there.
    """
    if after is None or shape.fullmatch(after):
        return after
    raise ApiError(
        400, "invalid_request", "after: pass the 'next' of a page, unchanged", param="after"
    )
