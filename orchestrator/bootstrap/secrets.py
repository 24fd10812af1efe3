"""The store of secrets, and the keys it encrypts with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.catalogue.secrets import (
    KEY_FILE,
    SecretKeyInvalid,
    SecretStore,
    generate_key,
    split_keys,
)
from orchestrator.kit.changes import ChangeFeed
from orchestrator.kit.errors import StartError
from orchestrator.kit.paths import write_private
from orchestrator.kit.settings import Settings


def secret_store(
    settings: Settings,
    engine: AsyncEngine,
    feed: ChangeFeed,
    environ: Mapping[str, str] | None,
    changed: Callable[[frozenset[str]], None],
) -> SecretStore:
    """Return the store of secrets, which tells of those that have changed.

    Raises:
        StartError: If the key is none.
    """
    try:
        return SecretStore(
            engine,
            encryption_keys(settings),
            os.environ if environ is None else environ,
            feed.announce,
            changed=changed,
        )
    except SecretKeyInvalid as error:
        raise StartError(str(error)) from error


def encryption_keys(settings: Settings) -> list[str]:
    """Return the given keys, or those of the data directory, made at the first start."""
    if settings.secret_key is not None:
        return split_keys(settings.secret_key.get_secret_value())
    path = settings.data_dir / KEY_FILE
    if not path.exists():
        write_private(path, generate_key())
    return split_keys(path.read_text())
