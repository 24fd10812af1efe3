"""One attempt to sign in: the secrets that tie the answer to the question. Pure."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import msgspec

_BYTES = 32
HOME = "/admin/api/me"
_LONGEST_WAY_BACK = 1_000


class Attempt(msgspec.Struct, frozen=True):
    """What a browser keeps, sealed, while its owner is at the provider.

    Args:
        state: Comes back with the answer: an answer to another's question is refused.
        nonce: Is in the token: a token made for another attempt is refused.
        verifier: Proves that whoever redeems the code asked for it (PKCE, RFC 7636).
        back: Where to go afterwards; a path of this service.
    """

    state: str
    nonce: str
    verifier: str
    back: str


@dataclass(frozen=True, slots=True)
class Client:
    """What this service is to the provider.

    Args:
        id: Its client id.
        secret: Its client secret, if it has one.
        redirect: Where the provider sends people back to.
        scopes: What is asked for.
    """

    id: str
    secret: str | None
    redirect: str
    scopes: str


def new_attempt(back: str | None) -> Attempt:
    """Return an attempt with fresh secrets."""
    state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
    return Attempt(state, nonce, verifier, local_path(back))


def local_path(back: str | None) -> str:
    """Return a way back if it leads into this service, else the usual one."""
    if back is None or len(back) > _LONGEST_WAY_BACK or not back.isprintable():
        return HOME
    parts = urlsplit(back)
    # Browsers read a backslash as a slash, and two slashes as the name of another host.
    elsewhere = parts.scheme or parts.netloc or "\\" in back or back.startswith("//")
    return HOME if elsewhere or not back.startswith("/") else back


def question(endpoint: str, client: Client, attempt: Attempt) -> str:
    """Return where a browser is sent to sign in (OpenID Connect Core 1.0, section 3.1.2.1)."""
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": client.redirect,
        "scope": client.scopes,
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
