"""Signing in and out, from the first redirect to the session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from cryptography.fernet import InvalidToken, MultiFernet

from orchestrator.audit.chain import Event
from orchestrator.audit.log import Actor, AuditLog
from orchestrator.login.attempt import Attempt, Client, new_attempt, question
from orchestrator.login.errors import LoginFailed
from orchestrator.login.person import Person, person_of
from orchestrator.login.provider import Provider
from orchestrator.login.sessions import Sessions
from orchestrator.tenants.keys import Principal, Role

ATTEMPT_SECONDS = 600
SIGN_IN, SIGN_OUT = "sign in", "sign out"


class NoRole(Exception):
    """Somebody is known to the provider, but may do nothing here."""


class SignedIn(NamedTuple):
    """A session that has begun."""

    secret: str
    back: str


@dataclass(frozen=True, slots=True)
class Login:
    """Signs people in.

    Args:
        provider: Vouches for them.
        client: What this service is to it.
        cipher: Seals what browsers keep meanwhile.
        sessions: Begins and ends sessions.
        audit: Where that is put on record.
        claim: The claim that says what groups somebody is in.
        roles: By group, what its members may do.
    """

    provider: Provider
    client: Client
    cipher: MultiFernet
    sessions: Sessions
    audit: AuditLog
    claim: str
    roles: Mapping[str, Role]

    async def ask(self, back: str | None) -> tuple[str, str]:
        """Return where a browser is sent, and what it keeps meanwhile.

        Raises:
            ProviderAway: If the provider does not answer.
        """
        attempt = new_attempt(back)
        endpoint = await self.provider.sign_in_endpoint()
        kept = self.cipher.encrypt(msgspec.json.encode(attempt)).decode()
        return question(endpoint, self.client, attempt), kept

    async def answer(
        self, code: str, state: str, kept: str, *, address: str, request_id: str
    ) -> SignedIn:
        """Begin a session for whoever comes back from the provider.

        Args:
            code: To be redeemed at the provider.
            state: As the provider sent it back.
            kept: What the browser kept.
            address: Where the request came from.
            request_id: Of the request.

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
            await self._note("refused", person, person.subject, address, request_id)
            raise NoRole(person.name)
        person_id, secret = await self.sessions.begin(person)
        await self._note("done", person, person_id, address, request_id)
        return SignedIn(secret, attempt.back)

    async def leave(
        self, secret: str, principal: Principal, *, address: str, request_id: str
    ) -> None:
        """End a session."""
        await self.sessions.end(secret)
        actor = Actor(principal.key_id, principal.name, address)
        await self.audit.write("done", SIGN_OUT, actor, request_id=request_id)

    def _attempt(self, kept: str) -> Attempt:
        try:
            opened = self.cipher.decrypt(kept.encode(), ttl=ATTEMPT_SECONDS)
            return msgspec.json.decode(opened, type=Attempt)
        except (InvalidToken, msgspec.DecodeError, UnicodeEncodeError) as error:
            raise LoginFailed("no sign-in was begun in this browser, or too long ago") from error

    async def _note(
        self, event: Event, person: Person, actor: str, address: str, request_id: str
    ) -> None:
        detail = {"issuer": person.issuer, "role": person.role and person.role.value}
        await self.audit.write(
            event,
            SIGN_IN,
            Actor(actor, person.name, address),
            request_id=request_id,
            detail=detail,
        )
