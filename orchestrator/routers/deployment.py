"""What this process does with the stored versions: it loads them and lets them decide."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.catalogue.service import Catalogue
from orchestrator.routers import repository
from orchestrator.routers.errors import RouterVersionInvalid, RouterVersionUnloadable
from orchestrator.routers.loading import LoadedVersion, Loader
from orchestrator.routers.repository import StoredVersion
from orchestrator.routers.service import ActiveRouter, Deployed, Plan, prepare

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """A version that should decide something but cannot be loaded here.

    Args:
        id: Which.
        status: What it should be.
        reason: Why it is not.
        at: When that was found.
    """

    id: str
    status: str
    reason: str
    at: datetime


class Deployment:
    """Keeps the versions that decide loaded, and puts them in place as a whole.

    Args:
        engine: Where they are stored.
        active: Gets the new plan; what it holds at first is the built-in version.
        load: Makes a router of an artefact's bytes.
        catalogue: Returns the catalogue that candidates are prepared for.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        active: ActiveRouter,
        load: Loader,
        catalogue: Callable[[], Catalogue],
    ) -> None:
        self._engine = engine
        self._active = active
        self._load = load
        self._catalogue = catalogue
        self._revision = -1
        self._refreshing = asyncio.Lock()
        self._loaded: dict[str, Deployed] = {}
        self.built_in = active.plan.active
        self.failures: Sequence[LoadFailure] = ()

    async def refresh(self) -> None:
        """Put in place what is stored, if that has changed since the last time.

        Raises:
            SQLAlchemyError: If the database cannot be read; what decides stays.
        """
        async with self._refreshing:
            async with self._engine.connect() as connection:
                revision = (await repository.state(connection)).revision
                if revision == self._revision:
                    return
                wanted = await repository.deployed(connection)
            loaded, failures = await self._load_all(wanted)
            # Of what was loaded before, the candidates may be those of an older catalogue.
            await asyncio.to_thread(prepare, loaded.values(), self._catalogue())
            self._put_in_place(wanted, loaded, failures)
            self._revision = revision

    async def prepare(self, stored: StoredVersion) -> None:
        """Load a version that is about to decide, and let it decide once, unused.

        Raises:
            RouterVersionUnloadable: If it cannot.
        """
        async with self._refreshing:
            try:
                self._loaded[stored.content_hash] = await self._get(stored)
            except RouterVersionInvalid as error:
                raise RouterVersionUnloadable(stored.id, str(error)) from error

    async def open(self, stored: StoredVersion) -> Deployed:
        """Return a version loaded, the one in service where it is; it is not kept for that.

        Raises:
            RouterVersionUnloadable: If it cannot be loaded, or cannot decide.
        """
        try:
            return await self._get(stored)
        except RouterVersionInvalid as error:
            raise RouterVersionUnloadable(stored.id, str(error)) from error

    async def _load_all(
        self, wanted: Iterable[StoredVersion]
    ) -> tuple[dict[str, Deployed], list[LoadFailure]]:
        loaded, failures = {}, []
        for stored in wanted:
            try:
                loaded[stored.content_hash] = await self._get(stored)
            except RouterVersionInvalid as error:
                log.error("router version %s (%s): %s", stored.id, stored.status, error)  # noqa: TRY400 (the reason says it)
                failure = LoadFailure(stored.id, stored.status, str(error), datetime.now(UTC))
                failures.append(failure)
        return loaded, failures

    async def _get(self, stored: StoredVersion) -> Deployed:
        known = self._loaded.get(stored.content_hash)
        if known is not None:
            return known
        async with self._engine.connect() as connection:
            data = await repository.artifact(connection, stored.id)
        return await asyncio.to_thread(self._ready, stored, data, self._catalogue())

    def _ready(self, stored: StoredVersion, data: bytes, catalogue: Catalogue) -> Deployed:
        loaded: LoadedVersion = self._load(data)
        if loaded.content_hash != stored.content_hash:
            raise RouterVersionInvalid("The stored bytes are not the ones that were imported.")
        deployed = Deployed(loaded.router, stored.id)
        try:
            deployed.rehearse(catalogue)
        except Exception as error:
            raise RouterVersionInvalid(
                f"It cannot decide over the present catalogue: {type(error).__name__}: {error}."
            ) from error
        return deployed

    def _put_in_place(
        self,
        wanted: Sequence[StoredVersion],
        loaded: dict[str, Deployed],
        failures: Sequence[LoadFailure],
    ) -> None:
        ready: dict[str, Deployed] = {
            stored.status: loaded[stored.content_hash].with_share(stored.share)
            for stored in wanted
            if stored.content_hash in loaded
        }
        active = ready.get("active")
        if active is None:
            # One that cannot be loaded leaves in place what decides now.
            some = any(stored.status == "active" for stored in wanted)
            active = self._active.plan.active if some else self.built_in
        self._active.use(Plan(active, ready.get("canary"), ready.get("shadow")))
        self._loaded = loaded
        self.failures = tuple(failures)
        log.info("router %s decides", active.router.version)
