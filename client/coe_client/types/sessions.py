"""Who is signed in."""

from __future__ import annotations

from datetime import datetime

from coe_client.types.base import WireModel


class Session(WireModel):
    """Somebody who is signed in, with a key or at an identity provider."""

    id: str
    way: str = ""
    """``key`` or ``oidc``."""
    actor: str = ""
    """Id of the key or person."""
    name: str = ""
    tenant: str = ""
    role: str = ""
    started_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute."""
    address: str = ""
    """From where they signed in."""
    agent: str = ""
    """What their browser calls itself."""
    current: bool = False
    """Whether it was asked for in this session."""
