"""Builds what signs people in from the settings, if they ask for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from cryptography.fernet import MultiFernet
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.audit.log import AuditLog
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.login.attempt import Client
from orchestrator.login.provider import Provider, is_secure
from orchestrator.login.service import Login
from orchestrator.login.sessions import Sessions
from orchestrator.tenants.keys import Role

_CALLBACK = "/login/callback"


def build_login(
    settings: Settings,
    engine: AsyncEngine,
    changed: Callable[[], Awaitable[None]],
    audit: AuditLog,
    cipher: MultiFernet,
) -> Login | None:
    """Return what signs people in, or ``None`` where no provider is set.

    Args:
        settings: The settings.
        engine: Where sessions are kept.
        changed: Reads keys and sessions anew on every replica.
        audit: Where it is put on record.
        cipher: Seals what browsers keep meanwhile.

    Raises:
        StartError: If a setting that it needs is missing or wrong.
    """
    if settings.oidc_issuer is None:
        return None
    if not is_secure(settings.oidc_issuer):
        raise StartError("COE_OIDC_ISSUER has to be an https address.")
    if not settings.oidc_client_id or not settings.public_url:
        raise StartError("COE_OIDC_ISSUER needs COE_OIDC_CLIENT_ID and COE_PUBLIC_URL beside it.")
    if not is_secure(settings.public_url):
        raise StartError("COE_PUBLIC_URL has to be an https address to sign in at.")
    secret = settings.oidc_client_secret
    client = Client(
        settings.oidc_client_id,
        None if secret is None else secret.get_secret_value(),
        settings.public_url.rstrip("/") + _CALLBACK,
        settings.oidc_scopes,
    )
    lifetime = timedelta(seconds=settings.session_seconds)
    return Login(
        provider=Provider(settings.oidc_issuer, client),
        client=client,
        cipher=cipher,
        sessions=Sessions(engine, changed, settings.oidc_tenant, lifetime),
        audit=audit,
        claim=settings.oidc_claim,
        roles={group: Role(role) for group, role in settings.oidc_roles.items()},
    )
