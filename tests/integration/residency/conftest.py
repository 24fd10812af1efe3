"""Replicas of the service, as the routers' tests have them."""

from __future__ import annotations

from tests.integration.routers.conftest import make_replica

__all__ = ["make_replica"]
