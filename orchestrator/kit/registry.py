"""What a request is told when Postgres is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from orchestrator.kit.errors import ApiError


@contextmanager
def registry_reached() -> Iterator[None]:
    """Turn a registry that cannot be reached into a 503 that says so.

    Raises:
        ApiError: 503, ``registry_unavailable``.
    """
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
        raise ApiError(
            503,
            "registry_unavailable",
            "The registry cannot be reached right now; nothing was changed that was not confirmed.",
            headers={"retry-after": "1"},
        ) from error
