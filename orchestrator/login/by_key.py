"""Signing in with a key."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.audit.log import Actor, AuditLog
from orchestrator.kit.errors import ApiError
from orchestrator.login.errors import NoSuchKey
from orchestrator.login.sessions import Begun, Caller, Sessions
from orchestrator.login.throttle import Throttle
from orchestrator.tenants.access import recognised
from orchestrator.tenants.keys import KEY_PREFIX
from orchestrator.tenants.service import KeyRing

SIGN_IN = "sign in"
_NOBODY = "unknown"


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """Begins sessions of keys.

    Args:
        keys: Recognises them.
        sessions: Begins sessions.
        throttle: Counts attempts.
        audit: Where they are put on record.
    """

    keys: KeyRing
    sessions: Sessions
    throttle: Throttle
    audit: AuditLog

    async def sign_in(self, key: str, caller: Caller) -> Begun:
        """Begin a session of a key.

        Args:
            key: The key; the secret of a session is none.
            caller: Where it was entered.

        Raises:
            NoSuchKey: If it is unknown, revoked or expired.
            ApiError: 429 after too many attempts from there; 503 if it cannot be looked up.
        """
        wait = await self.throttle.take(caller.address)
        if wait:
            raise ApiError(
                429,
                "too_many_sign_ins",
                f"Too many attempts to sign in from your address. Try again in {wait} seconds.",
                headers={"retry-after": str(wait)},
            )
        owner = await recognised(self.keys, key) if key.startswith(KEY_PREFIX) else None
        if owner is None:
            nobody = Actor(_NOBODY, "", caller.address)
            await self.audit.write(
                "refused", SIGN_IN, nobody, request_id=caller.request_id, detail={"way": "key"}
            )
            await self.throttle.failed(caller.address)
            raise NoSuchKey
        begun = await self.sessions.begin_for_key(owner, key, caller)
        await self.throttle.succeeded(caller.address)
        await self.audit.write(
            "done",
            SIGN_IN,
            Actor(owner.key_id, owner.name, caller.address),
            request_id=caller.request_id,
            detail={"way": "key", "session": begun.id, "tenant": owner.tenant},
        )
        return begun
