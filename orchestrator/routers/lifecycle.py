"""The life of router versions: imported, tried beside the active one, promoted, rolled back.

Every change takes one way: load what will decide, commit, bring this process up to date, tell the
others. What decides is replaced as a whole once its successor is ready, so no request waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from experts.catalogue import repository as catalogue_repository
from orchestrator.catalogue.service import Catalogue
from orchestrator.routers import repository
from orchestrator.routers.comparison import Comparison, compare
from orchestrator.routers.deployment import Deployment, LoadFailure
from orchestrator.routers.errors import (
    NothingToRollBack,
    RouterExpertsMissing,
    RouterPolicyMissing,
    RouterVersionActive,
    RouterVersionBuiltIn,
    RouterVersionInvalid,
)
from orchestrator.routers.loading import Loader
from orchestrator.routers.repository import State, StoredVersion
from orchestrator.routers.service import ActiveRouter, Deployed
from router import Router

TOPIC = "router"
BUILT_IN = "starter"
"""Id of the version that comes with the package."""

log = logging.getLogger(__name__)


class RouterVersions:
    """The router versions of this installation, and what this process does with them.

    Args:
        engine: Where they are kept.
        active: Decides; kept up to date with what is stored.
        load: Makes a router of an artefact's bytes.
        catalogue: Returns the catalogue as this process knows it.
        announce: Tells the other replicas that a topic changed; must not raise.
        default_policy: What the model name ``coe`` stands for.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        active: ActiveRouter,
        load: Loader,
        catalogue: Callable[[], Catalogue],
        announce: Callable[[str], Awaitable[None]],
        default_policy: str,
    ) -> None:
        self._engine = engine
        self._announce = announce
        self._load = load
        self._default_policy = default_policy
        self._deployment = Deployment(engine, active, load, catalogue)
        self._news = asyncio.Event()

    # -- this process ---------------------------------------------------------------------------

    @property
    def failures(self) -> Sequence[LoadFailure]:
        """Versions that should decide something but cannot be loaded here."""
        return self._deployment.failures

    @property
    def built_in(self) -> Router:
        """The router that comes with the package."""
        return self._deployment.built_in.router

    async def refresh(self) -> None:
        """Do what is stored if that has changed; one short query if not.

        Raises:
            SQLAlchemyError: If the database cannot be read; what decides stays.
        """
        await self._deployment.refresh()

    async def notify(self) -> None:
        """Have :meth:`run` refresh soon. Loading takes its time, and other news must not wait."""
        self._news.set()

    async def run(self) -> None:
        """Refresh on news until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.refresh()
            except (SQLAlchemyError, OSError) as error:
                log.warning("could not refresh the router (%s); the old one decides", error)

    # -- reading --------------------------------------------------------------------------------

    async def page(self, *, limit: int, after: str | None) -> list[StoredVersion]:
        """Return stored versions, the newest first, those made before the id ``after``."""
        async with self._engine.connect() as connection:
            return await repository.page(connection, limit=limit, after=after)

    async def active_id(self) -> str:
        """Return the id of the version that is active, from the database."""
        async with self._engine.connect() as connection:
            return await repository.active_id(connection) or BUILT_IN

    async def get(self, version_id: str) -> StoredVersion:
        """Return a stored version.

        Raises:
            RouterVersionUnknown: If there is none of this id.
        """
        async with self._engine.connect() as connection:
            return await repository.get(connection, version_id)

    async def details(self, version_id: str) -> tuple[list[Any], dict[str, Any], tuple[str, ...]]:
        """Return categories, scores and missing experts of a version that exists."""
        async with self._engine.connect() as connection:
            stored = await repository.get(connection, version_id)
            missing = await _missing_experts(connection, stored)
            return *await repository.details(connection, version_id), missing

    async def report(self, version_id: str) -> dict[str, Any]:
        """Return the evaluation report of a version.

        Raises:
            RouterVersionUnknown: If there is no such version.
            RouterReportMissing: If it came without.
        """
        async with self._engine.connect() as connection:
            await repository.get(connection, version_id)
            return await repository.report(connection, version_id)

    async def open(self, version_id: str) -> Deployed:
        """Return a version loaded, to be looked at; nothing is put into service.

        Raises:
            RouterVersionUnknown: If there is no such version.
            RouterVersionUnloadable: If this process cannot load it.
        """
        if version_id == BUILT_IN:
            return self._deployment.built_in
        return await self._deployment.open(await self.get(version_id))

    async def artifact(self, version_id: str) -> bytes:
        """Return the bytes of a stored version.

        Raises:
            RouterVersionUnknown: If there is none of this id.
        """
        async with self._engine.connect() as connection:
            return await repository.artifact(connection, version_id)

    async def comparison(self, version_id: str) -> Comparison:
        """Sum up what a version decided as a shadow.

        Raises:
            RouterVersionUnknown: If there is no such version.
        """
        async with self._engine.connect() as connection:
            await repository.get(connection, version_id)
            return await compare(connection, version_id)

    # -- changing -------------------------------------------------------------------------------

    async def add(self, data: bytes, *, by: str, note: str = "") -> tuple[StoredVersion, bool]:
        """Store an artefact as a candidate; the same content is stored once.

        Returns:
            The version, and whether it is new.

        Raises:
            RouterVersionInvalid: If this is no usable artefact; nothing is stored.
        """
        loaded = await asyncio.to_thread(self._load, data)
        try:
            async with self._engine.begin() as connection:
                return await repository.add(connection, loaded, data, by=by, note=note)
        except (DataError, UnicodeError) as error:
            raise RouterVersionInvalid(
                "This artefact cannot be used: its manifest holds text that cannot be stored."
            ) from error

    async def promote(self, version_id: str, *, by: str) -> StoredVersion | None:
        """Let a version decide; the one before it is retired and can be rolled back to.

        Returns:
            The version, or ``None`` for the built-in one.

        Raises:
            RouterVersionUnknown: If there is no such version.
            RouterExpertsMissing: If experts it needs are not enabled.
            RouterPolicyMissing: If it lacks the default policy.
            RouterVersionUnloadable: If this process cannot load it.
        """
        wanted = None if version_id == BUILT_IN else version_id
        await self._prepare(wanted)
        async with self._change() as (connection, state):
            stored = await self._usable(connection, wanted)
            present = await repository.active_id(connection)
            if present != wanted:
                await _activate(connection, present, wanted, by=by)
                await repository.bump(connection, (*state.previous, present))
        return None if stored is None else await self.get(stored.id)

    async def rollback(self, *, by: str) -> StoredVersion | None:
        """Let the version that was active before decide again.

        Returns:
            The version, or ``None`` for the built-in one.

        Raises:
            NothingToRollBack: If nothing was active before.
            RouterExpertsMissing: If experts that one needs are not enabled. Retire it to go on to
                the one before it.
        """
        async with self._engine.connect() as connection:
            present = await repository.active_id(connection)
            previous = _before(present, await repository.state(connection))
        await self._prepare(previous[-1])
        async with self._change() as (connection, state):
            present = await repository.active_id(connection)
            previous = _before(present, state)
            stored = await self._usable(connection, previous[-1])
            await _activate(connection, present, previous[-1], by=by)
            await repository.bump(connection, previous[:-1])
        return None if stored is None else await self.get(stored.id)

    async def shadow(self, version_id: str, share: float, *, by: str) -> StoredVersion:
        """Let a version decide beside the active one, unused; a former shadow is a candidate again.

        Args:
            version_id: Which.
            share: Part of the requests it is asked about, above 0, up to 1.
            by: Who does it.

        Raises:
            RouterVersionUnknown: If there is no such version.
            RouterVersionActive: If it decides already.
        """
        return await self._try(version_id, "shadow", share, by=by)

    async def canary(self, version_id: str, share: float, *, by: str) -> StoredVersion:
        """Let a version decide for a share of requests; a former canary is a candidate again.

        Raises:
            RouterVersionUnknown: If there is no such version.
            RouterVersionActive: If it decides all requests already.
            RouterExpertsMissing: If experts it needs are not enabled.
            RouterPolicyMissing: If it lacks the default policy.
        """
        return await self._try(version_id, "canary", share, by=by)

    async def retire(self, version_id: str, *, by: str) -> StoredVersion:
        """Take a version out of use; nothing rolls back to it, and it can be promoted again.

        Raises:
            RouterVersionUnknown: If there is no such version.
            RouterVersionActive: If it is the one that decides.
        """
        _not_built_in(version_id)
        async with self._change() as (connection, state):
            await _inactive(connection, version_id)
            await repository.set_status(connection, version_id, "retired", by=by)
            previous = tuple(known for known in state.previous if known != version_id)
            await repository.bump(connection, previous)
        return await self.get(version_id)

    async def _try(
        self, version_id: str, status: repository.Status, share: float, *, by: str
    ) -> StoredVersion:
        _not_built_in(version_id)
        await self._prepare(version_id)
        async with self._change() as (connection, state):
            await _inactive(connection, version_id)
            if status == "canary":
                await self._usable(connection, version_id)
            former = await repository.with_status(connection, status)
            if former is not None and former.id != version_id:
                await repository.set_status(connection, former.id, "candidate", by=by)
            await repository.set_status(connection, version_id, status, by=by, share=share)
            await repository.bump(connection, state.previous)
        return await self.get(version_id)

    async def _prepare(self, version_id: str | None) -> None:
        """Load what shall decide before anything is changed."""
        if version_id is not None:
            await self._deployment.prepare(await self.get(version_id))

    async def _usable(
        self, connection: AsyncConnection, version_id: str | None
    ) -> StoredVersion | None:
        """Return a version that may decide, ``None`` for the built-in one."""
        if version_id is None:
            return None
        stored = await repository.get(connection, version_id)
        missing = await _missing_experts(connection, stored)
        if missing:
            raise RouterExpertsMissing(version_id, missing)
        if self._default_policy not in stored.policies:
            raise RouterPolicyMissing(version_id, self._default_policy)
        return stored

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[tuple[AsyncConnection, State]]:
        """Commit what is done inside, then bring this process and the others up to date."""
        async with self._engine.begin() as connection:
            yield connection, await repository.lock(connection)
        try:
            await self.refresh()
        except SQLAlchemyError as error:
            # The change is committed: to call it failed would be wrong. The poll catches up.
            log.warning("changed the router but could not read it back: %s", error)
        await self._announce(TOPIC)


async def _missing_experts(connection: AsyncConnection, stored: StoredVersion) -> tuple[str, ...]:
    heads = await catalogue_repository.heads(connection)
    enabled = {head.id for head in heads if head.spec.get("enabled", True)}
    return tuple(expert for expert in stored.experts if expert not in enabled)


async def _activate(
    connection: AsyncConnection, present: str | None, wanted: str | None, *, by: str
) -> None:
    if present is not None:
        await repository.set_status(connection, present, "retired", by=by)
    if wanted is not None:
        await repository.set_status(connection, wanted, "active", by=by)


async def _inactive(connection: AsyncConnection, version_id: str) -> None:
    if (await repository.get(connection, version_id)).status == "active":
        raise RouterVersionActive(version_id)


def _before(present: str | None, state: State) -> tuple[str | None, ...]:
    """Return what was active before the present one, the latest last.

    Where one in between was retired, the present one may seem to have come after itself.
    """
    previous = state.previous
    while previous and previous[-1] == present:
        previous = previous[:-1]
    if not previous:
        raise NothingToRollBack
    return previous


def _not_built_in(version_id: str) -> None:
    if version_id == BUILT_IN:
        raise RouterVersionBuiltIn
