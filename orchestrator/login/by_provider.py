"""Signing in at the identity provider, from the first redirect to the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from cryptography.fernet import InvalidToken, MultiFernet

from orchestrator.audit.chain import Event
from orchestrator.audit.log import Actor, AuditLog
from orchestrator.login.attempt import Attempt, Client, new_attempt, question
from orchestrator.login.by_key import SIGN_IN
from orchestrator.login.errors import LoginFailed, NoRole
from orchestrator.login.person import Person, person_of
from orchestrator.login.sessions import Begun, Caller, Sessions
from orchestrator.tenants.keys import Role

if TYPE_CHECKING:
    from orchestrator.login.provider import Provider

ATTEMPT_SECONDS = 600


class SignedIn(NamedTuple):
    """A session that has begun, and where to go now."""

    session: Begun
    back: str


@dataclass(frozen=True, slots=True)
class ProviderLogin:
    """Signs people in.

    Args:
        name: What people call the provider.
        provider: Vouches for them.
        client: What this service is to it.
        cipher: Seals what browsers keep meanwhile.
        sessions: Begins sessions.
        audit: Where that is put on record.
        claim: The claim that says what groups somebody is in.
        roles: By group, what its members may do.
        tenant: Whose requests people make.
    """

    name: str
    provider: Provider
    client: Client
    cipher: MultiFernet
    sessions: Sessions
    audit: AuditLog
    claim: str
    roles: Mapping[str, Role]
    tenant: str

    async def ask(self, back: str | None) -> tuple[str, str]:
        """Return where a browser is sent, and what it keeps meanwhile.

        Raises:
            ProviderAway: If the provider does not answer.
        """
        attempt = new_attempt(back)
        endpoint = await self.provider.sign_in_endpoint()
        kept = self.cipher.encrypt(msgspec.json.encode(attempt)).decode()
        return question(endpoint, self.client, attempt), kept

    async def answer(self, code: str, state: str, kept: str, caller: Caller) -> SignedIn:
        """Begin a session for whoever comes back from the provider.

        Args:
            code: To be redeemed at the provider.
            state: As the provider sent it back.
            kept: What the browser kept.
            caller: Where the request came from.

        Raises:
            LoginFailed: If it is not proven who that is.
            NoRole: If they may do nothing here.
            ProviderAway: If the provider does not answer.
        """
        attempt = self._attempt(kept)
        if attempt.state != state:
            raise LoginFailed("this is the answer to another sign-in")
        claims = await self.provider.redeem(code, attempt)
        person = person_of(claims, self.claim, self.roles)
        if person.role is None:
            await self._note("refused", person, person.subject, caller)
            raise NoRole(person.name)
        begun = await self.sessions.begin(person, self.tenant, caller)
        await self._note("done", person, begun.actor, caller, session=begun.id)
        return SignedIn(begun, attempt.back)

    def way_back(self, kept: str) -> str | None:
        """Return where somebody wanted to go who began to sign in, ``None`` if that is not known any more."""
        try:
            return self._attempt(kept).back
        except LoginFailed:
            return None

    def _attempt(self, kept: str) -> Attempt:
        try:
            opened = self.cipher.decrypt(kept.encode(), ttl=ATTEMPT_SECONDS)
            return msgspec.json.decode(opened, type=Attempt)
        except (InvalidToken, msgspec.DecodeError, UnicodeEncodeError) as error:
            raise LoginFailed("no sign-in was begun in this browser, or too long ago") from error

    async def _note(
        self, event: Event, person: Person, actor: str, caller: Caller, **more: str
    ) -> None:
        role = person.role and person.role.value
        detail = {"way": "oidc", "issuer": person.issuer, "role": role, "tenant": self.tenant}
        await self.audit.write(
            event,
            SIGN_IN,
            Actor(actor, person.name, caller.address),
            request_id=caller.request_id,
            detail={**detail, **more},
        )
