"""The ways to sign in, and the one out."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.audit.log import Actor, AuditLog
from orchestrator.login.by_key import KeyLogin
from orchestrator.login.by_provider import ProviderLogin
from orchestrator.login.listing import SessionList
from orchestrator.login.sessions import Caller, Sessions
from orchestrator.tenants.service import KeyRing

SIGN_OUT = "sign out"


@dataclass(frozen=True, slots=True)
class Login:
    """Signs in and out.

    Args:
        keys: Recognises sessions.
        sessions: Begins and ends them.
        listed: Who is signed in.
        by_key: With a key.
        by_provider: At the identity provider, where there is one.
        audit: Where it is put on record.
        encrypted: Whether people reach the service by https for sure.
    """

    keys: KeyRing
    sessions: Sessions
    listed: SessionList
    by_key: KeyLogin
    by_provider: ProviderLogin | None
    audit: AuditLog
    encrypted: bool

    async def leave(self, secret: str, caller: Caller) -> None:
        """End a session; one that is over already is not missed."""
        owner = self.keys.find(secret)
        session = await self.sessions.end(secret)
        if session is None:
            return
        actor = Actor("unknown") if owner is None else Actor(owner.key_id, owner.name)
        await self.audit.write(
            "done",
            SIGN_OUT,
            Actor(actor.id, actor.name, caller.address),
            request_id=caller.request_id,
            detail={"session": session} | ({} if owner is None else {"tenant": owner.tenant}),
        )
