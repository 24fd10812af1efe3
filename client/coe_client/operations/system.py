"""How the installation is."""

from __future__ import annotations

from coe_client.requests import Request, admin, as_model
from coe_client.types import System


def get_system() -> Request[System]:
    """Get how processes, queues, stores and disk are."""
    return Request("GET", admin("system"), as_model(System))
