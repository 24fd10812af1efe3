"""The identity provider: what it says of itself, its keys, and codes redeemed for tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from orchestrator.login.attempt import Attempt, Client
from orchestrator.login.errors import LoginFailed, ProviderAway

_TIMEOUT = 10.0
_KEPT_SECONDS = 3600.0
_LEAST_SECONDS = 10.0
"""Between two looks at the provider's keys: a forged token must not make us hammer it."""
_LEEWAY = 60
_LARGEST = 1 << 20
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""None that signs with a shared secret: a public key could be passed off as one."""


class Provider:
    """Talks to the provider.

    Args:
        issuer: Its address, as it names itself in tokens.
        client: What this service is to it.
        transport: In place of the network.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        issuer: str,
        client: Client,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer.rstrip("/")
        self._client = client
        self._transport = transport
        self._clock = clock
        self._metadata: Mapping[str, Any] = {}
        self._keys = KeySet([])
        self._looked_at = -_KEPT_SECONDS

    async def sign_in_endpoint(self) -> str:
        """Return where browsers are sent.

        Raises:
            ProviderAway: If it does not say.
        """
        await self._look(_KEPT_SECONDS)
        return str(self._metadata["authorization_endpoint"])

    async def redeem(self, code: str, attempt: Attempt) -> dict[str, Any]:
        """Return what the provider says of whoever brought a code.

        Raises:
            LoginFailed: If the code is none, or the token not one for this attempt.
            ProviderAway: If the provider does not answer.
        """
        await self._look(_KEPT_SECONDS)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.redirect,
            "code_verifier": attempt.verifier,
            "client_id": self._client.id,
        }
        if self._client.secret is not None:
            form["client_secret"] = self._client.secret
        answer = await self._send("POST", str(self._metadata["token_endpoint"]), data=form)
        if answer.is_client_error:
            raise LoginFailed("the provider does not accept the code")
        token = _object(answer).get("id_token")
        if not isinstance(token, str):
            raise ProviderAway("the provider's answer holds no id_token")
        return await self._verified(token, attempt)

    async def _verified(self, token: str, attempt: Attempt) -> dict[str, Any]:
        """Return the claims of a token (OpenID Connect Core 1.0, section 3.1.3.7)."""
        try:
            decoded = self._decoded(token)
        except (JoseError, ValueError):
            # Providers change their keys now and then.
            await self._look(_LEAST_SECONDS)
            try:
                decoded = self._decoded(token)
            except (JoseError, ValueError) as error:
                raise LoginFailed("the token's signature is not the provider's") from error
        registry = JWTClaimsRegistry(
            now=lambda: int(time.time()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": str(self._metadata["issuer"])},
            sub={"essential": True},
            aud={"essential": True, "value": self._client.id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
        )
        claims: dict[str, Any] = decoded.claims
        try:
            registry.validate(claims)
        except JoseError as error:
            raise LoginFailed(f"the token is not one for this sign-in ({error.error})") from error
        audience = claims["aud"]
        if (
            isinstance(audience, list)
            and len(audience) > 1
            and claims.get("azp") != self._client.id
        ):
            raise LoginFailed("the token was made for another service")
        return claims

    def _decoded(self, token: str) -> jwt.Token:
        return jwt.decode(token, self._keys, algorithms=list(_ALGORITHMS))

    async def _look(self, kept: float) -> None:
        """Read what the provider says of itself, unless that was done a moment ago."""
        if self._clock() - self._looked_at < kept:
            return
        described = _object(
            await self._send("GET", f"{self._issuer}/.well-known/openid-configuration")
        )
        if str(described.get("issuer", "")).rstrip("/") != self._issuer:
            raise ProviderAway("the provider names itself otherwise than COE_OIDC_ISSUER")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not is_secure(str(described.get(name, ""))):
                raise ProviderAway(f"the provider's {name} is no https address")
        keys = _object(await self._send("GET", str(described["jwks_uri"])))
        try:
            self._keys = KeySet.import_key_set(keys)  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderAway("the provider's keys cannot be read") from error
        self._metadata, self._looked_at = described, self._clock()

    async def _send(self, method: str, url: str, **options: Any) -> httpx.Response:
        try:
            # A client for each: signing in is rare, and nothing has to be closed at the end.
            async with httpx.AsyncClient(
                timeout=_TIMEOUT, transport=self._transport, follow_redirects=False
            ) as client:
                answer = await client.request(method, url, **options)
        except httpx.HTTPError as error:
            raise ProviderAway(f"the provider does not answer ({type(error).__name__})") from error
        if len(answer.content) > _LARGEST:
            raise ProviderAway("the provider's answer is too large")
        if not answer.is_success and not answer.is_client_error:
            raise ProviderAway(f"the provider answers {answer.status_code}")
        return answer


def is_secure(url: str) -> bool:
    """Tell whether nobody on the way can read what is sent to an address."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        value = answer.json()
    except ValueError as error:
        raise ProviderAway("the provider's answer is no JSON") from error
    if not answer.is_success or not isinstance(value, dict):
        raise ProviderAway(f"the provider answers {answer.status_code}, and not as expected")
    return value
