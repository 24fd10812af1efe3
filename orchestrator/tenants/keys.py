"""API keys: random, shown once, stored as a hash."""

from __future__ import annotations

import enum
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

KEY_PREFIX = "sk-coe-"
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
    """Who is behind a request."""

    key_id: str
    name: str
    tenant: str
    role: Role
    expires_at: datetime | None = None


def generate_key() -> str:
    """Return a new key: 256 random bits behind a prefix that secret scanners can find."""
    return KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hash_key(key: str) -> bytes:
    """Return what is stored of a key.

    A plain SHA-256 is enough: a key is 256 random bits, so there is nothing to guess that a slow
    hash would have to protect.
    """
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()


def shown_prefix(key: str) -> str:
    """Return the beginning by which people recognise a key."""
    return key[:_SHOWN]
