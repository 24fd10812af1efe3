"""``/v1/webhooks``: where a tenant wants to be told of its runs."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from orchestrator.kit.errors import ApiError
from orchestrator.kit.pages import After, Limit, Page, errors, page
from orchestrator.runs.webhooks.addresses import url_problem, webhook_addresses
from orchestrator.runs.webhooks.schemas import DeliveryView, NewWebhook, WebhookView, WebhookWanted
from orchestrator.runs.webhooks.service import WebhookService
from orchestrator.tenants.access import require_role
from orchestrator.tenants.keys import Principal, Role

PATH = "/v1/webhooks"
_WEBHOOK = re.compile(r"wh_[0-9a-f]{32}")
_MESSAGE = re.compile(r"msg_[0-9a-f]{32}")


def _webhooks(request: Request) -> WebhookService:
    service: WebhookService = request.app.state.services.runs.webhooks
    return service


Service = Annotated[WebhookService, Depends(_webhooks)]
User = Annotated[Principal, Depends(require_role(Role.USER))]
WebhookPath = Annotated[str, Path(json_schema_extra={"pattern": f"^{_WEBHOOK.pattern}$"})]
MessagePath = Annotated[str, Path(json_schema_extra={"pattern": f"^{_MESSAGE.pattern}$"})]

router = APIRouter(prefix=PATH, tags=["webhooks"], responses=errors(400, 401, 403))


@router.post("", status_code=201)
async def create_webhook(
    body: WebhookWanted, request: Request, service: Service, principal: User
) -> NewWebhook:
    """Make a webhook. The answer is the only place where its secret is shown."""
    settings = request.app.state.services.settings
    problem = url_problem(body.url, webhook_addresses(settings.webhook_private_addresses))
    if problem is not None:
        raise ApiError(400, "invalid_request", f"url: {problem}", param="url")
    row, secret = await service.create(principal.tenant, body.url, principal.key_id)
    return NewWebhook(**WebhookView.of(row).model_dump(), secret=secret)


@router.get("")
async def list_webhooks(
    service: Service, principal: User, limit: Limit = 50, after: After = None
) -> Page[WebhookView]:
    """List the webhooks of the key's tenant."""
    _check(_WEBHOOK, after)
    rows = await service.page(principal.tenant, limit=limit + 1, after=after)
    return page([WebhookView.of(row) for row in rows], limit, lambda view: view.id)


@router.delete("/{webhook_id}", status_code=204, responses=errors(404))
async def delete_webhook(webhook_id: WebhookPath, service: Service, principal: User) -> Response:
    """Delete a webhook; what is on its way to it is dropped."""
    known = _WEBHOOK.fullmatch(webhook_id) is not None
    if not known or not await service.delete(principal.tenant, webhook_id):
        raise _unknown()
    return Response(status_code=204)


@router.get("/{webhook_id}/deliveries", responses=errors(404))
async def list_deliveries(
    webhook_id: WebhookPath,
    service: Service,
    principal: User,
    limit: Limit = 50,
    after: After = None,
) -> Page[DeliveryView]:
    """List the messages to a webhook, the newest first."""
    _check(_MESSAGE, after)
    rows = None
    if _WEBHOOK.fullmatch(webhook_id):
        rows = await service.deliveries(principal.tenant, webhook_id, limit=limit + 1, before=after)
    if rows is None:
        raise _unknown()
    return page([DeliveryView.of(row) for row in rows], limit, lambda view: view.id)


@router.post("/{webhook_id}/deliveries/{message_id}/redeliver", responses=errors(404))
async def redeliver(
    webhook_id: WebhookPath, message_id: MessagePath, service: Service, principal: User
) -> DeliveryView:
    """Send a message once more, with the same id."""
    row = None
    if _WEBHOOK.fullmatch(webhook_id) and _MESSAGE.fullmatch(message_id):
        row = await service.redeliver(principal.tenant, webhook_id, message_id)
    if row is None:
        raise _unknown()
    return DeliveryView.of(row)


def _unknown() -> ApiError:
    return ApiError(404, "not_found", "Your tenant has no such webhook or message.")


def _check(pattern: re.Pattern[str], after: str | None) -> None:
    if after is not None and not pattern.fullmatch(after):
        raise ApiError(400, "invalid_request", "after: not a place in this list", param="after")
