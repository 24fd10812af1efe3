"""Builds what signs people in and out from the settings."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from cryptography.fernet import MultiFernet
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.audit.log import AuditLog
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings
from orchestrator.login.attempt import Client
from orchestrator.login.by_key import KeyLogin
from orchestrator.login.by_provider import ProviderLogin
from orchestrator.login.listing import SessionList
from orchestrator.login.service import Login
from orchestrator.login.sessions import Sessions
from orchestrator.login.throttle import Throttle
from orchestrator.tenants.keys import Role
from orchestrator.tenants.service import KeyRing

_CALLBACK = "/login/callback"


def build_login(
    settings: Settings,
    engine: AsyncEngine,
    keys: KeyRing,
    throttle: Throttle,
    audit: AuditLog,
    cipher: MultiFernet,
) -> Login:
    """Return what signs people in and out.

    Args:
        settings: The settings.
        engine: Where sessions are kept.
        keys: Recognises keys and sessions.
        throttle: Counts attempts.
        audit: Where it is put on record.
        cipher: Seals what browsers keep meanwhile.

    Raises:
        StartError: If a setting of the identity provider is missing or wrong.
    """
    lifetime = timedelta(seconds=settings.session_seconds)
    sessions = Sessions(engine, keys.changed, lifetime)
    return Login(
        keys=keys,
        sessions=sessions,
        listed=SessionList(engine),
        by_key=KeyLogin(keys, sessions, throttle, audit),
        by_provider=_by_provider(settings, sessions, audit, cipher),
        audit=audit,
        encrypted=(settings.public_url or "").startswith("https://"),
    )


def _by_provider(
    settings: Settings, sessions: Sessions, audit: AuditLog, cipher: MultiFernet
) -> ProviderLogin | None:
    if settings.oidc_issuer is None:
        return None
    # What talks to a provider takes a tenth of a second to import: not to be spent where there is none.
    from orchestrator.login.provider import Provider, is_secure

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
    return ProviderLogin(
        name=settings.oidc_name or urlsplit(settings.oidc_issuer).hostname or "",
        provider=Provider(settings.oidc_issuer, client),
        client=client,
        cipher=cipher,
        sessions=sessions,
        audit=audit,
        claim=settings.oidc_claim,
        roles={group: Role(role) for group, role in settings.oidc_roles.items()},
        tenant=settings.oidc_tenant,
    )
