"""The catalogue's errors, in HTTP: the one place where statuses are chosen for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from experts.catalogue.errors import (
    CatalogueError,
    CatalogueInvalid,
    ExpertExists,
    ExpertUnknown,
    StoredExpertInvalid,
    VersionConflict,
    VersionUnknown,
)
from orchestrator.catalogue.secrets import SecretUnknown
from orchestrator.kit.errors import ApiError
from orchestrator.kit.registry import registry_reached

_STATUSES: Mapping[type[Exception], tuple[int, str]] = {
    ExpertUnknown: (404, "expert_not_found"),
    VersionUnknown: (404, "version_not_found"),
    ExpertExists: (409, "expert_exists"),
    VersionConflict: (409, "expert_changed"),
    StoredExpertInvalid: (409, "stored_expert_invalid"),
    SecretUnknown: (404, "secret_not_found"),
}


@contextmanager
def translated(*, many: bool = False) -> Iterator[None]:
    """Turn the catalogue's errors into :class:`ApiError`.

    Args:
        many: Whether the body is a list of entries, so that ``param`` says which.
    """
    try:
        with registry_reached():
            yield
    except CatalogueInvalid as error:
        first = error.problems[0]
        message = (
            str(error)
            if many
            else "; ".join(
                f"{p.field}: {p.reason}" if p.field else p.reason for p in error.problems[:20]
            )
        )
        raise ApiError(
            400, "invalid_expert", message, param=first.path if many else first.field or None
        ) from error
    except (CatalogueError, SecretUnknown) as error:
        status, code = _STATUSES[type(error)]
        raise ApiError(status, code, str(error)) from error
