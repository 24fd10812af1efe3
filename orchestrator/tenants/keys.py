"""API keys: random, shown once, stored as a hash."""

from __future__ import annotations

import enum
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from orchestrator.tenants.content import NOTHING, ContentChoice

KEY_PREFIX = "sk-coe-"
SESSION_PREFIX = "ses-coe-"
_SECRET_BYTES = 32
_SHOWN = len(KEY_PREFIX) + 6


class Role(enum.StrEnum):
    """What a key may do; each includes the ones before it."""

    USER = "user"
    """Ask: chat, route, list models."""
    VIEWER = "viewer"
    """See the catalogue, usage and settings too."""
    EDITOR = "editor"
    """Change the catalogue too."""
    ADMIN = "admin"
    """Manage keys and secrets too."""

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that ``other`` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is behind a request.

    Args:
        key_id: Of the key it came with.
        name: Of that key, for people.
        tenant: Whose request it is.
        role: What the key may do.
        expires_at: When it stops to work, ``None``: never.
        experts: Ids of the experts that may answer, ``None``: all.
        policies: Policies it may ask for, ``None``: all.
        content: What the tenant lets be stored of what is said.
        session: Id of the session, where it did not come with the key itself.
    """

    key_id: str
    name: str
    tenant: str
    role: Role
    expires_at: datetime | None = None
    experts: frozenset[str] | None = None
    policies: frozenset[str] | None = None
    content: ContentChoice = NOTHING
    session: str | None = None

    @property
    def stores_content(self) -> bool:
        """Whether the tenant has opted in to storing what its callers say."""
        return self.content.stores

    def may_use(self, expert: str) -> bool:
        """Tell whether an expert of this id may answer."""
        return self.experts is None or expert in self.experts

    def may_ask_for(self, policy: str) -> bool:
        """Tell whether requests may be routed under a policy of this name."""
        return self.policies is None or policy in self.policies


def generate_key() -> str:
    """Return a new key: 256 random bits behind a prefix that secret scanners can find."""
    return KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def generate_session() -> str:
    """Return a new secret of a session."""
    return SESSION_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hash_key(key: str) -> bytes:
    """Return what is stored of a key.

    A plain SHA-256 is enough: a key is 256 random bits, so there is nothing to guess that a slow
    hash would have to protect.
    """
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def shown_prefix(key: str) -> str:
    """Return the beginning by which people recognise a key."""
    return key[:_SHOWN]
