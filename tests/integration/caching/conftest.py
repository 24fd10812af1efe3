"""The service's app over real stores, as the tests of routers have it."""

from tests.integration.routers.conftest import make_replica, replica

__all__ = ["make_replica", "replica"]
