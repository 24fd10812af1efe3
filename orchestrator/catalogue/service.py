"""The catalogue in memory, and the way every change to it takes: commit, refresh, announce."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from experts.catalogue import repository
from experts.catalogue.changes import Change
from experts.catalogue.entries import check
from experts.catalogue.errors import StoredExpertInvalid
from experts.catalogue.expert import Expert
from experts.catalogue.repository import ExpertVersion
from experts.providers.addresses import THIS_MACHINE, AddressPolicy
from orchestrator.catalogue.outgoing import check_outgoing
from orchestrator.catalogue.secrets import SecretStore
from router.decision import Candidate

TOPIC = "catalogue"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the catalogue held at one revision. Frozen: a request works on one and the same.

    Args:
        revision: Grows with every change; -1 before the first load.
        experts: The experts in force, by id.
        versions: The version of each that is in force, by id.
        candidates: What the router may know of them, in the order of their ids.
        measured: Grows with every change of what is measured of them.
        aliases: The ids of experts by the other names they have.
    """

    revision: int = -1
    experts: Mapping[str, Expert] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    measured: int = 0
    aliases: Mapping[str, str] = field(default_factory=dict)

    def named(self, model: str) -> Expert | None:
        """Return the expert that a request calls by an id or another name, if there is one."""
        expert = self.experts.get(model)
        return self.experts.get(self.aliases.get(model, "")) if expert is None else expert


def candidate_of(expert: Expert, latency: float | None = None) -> Candidate:
    """Return what the router may know of an expert.

    Args:
        expert: Its entry.
        latency: Seconds its answers usually take, or ``None`` where unknown.
    """
    return Candidate(
        id=expert.id,
        tags=frozenset(expert.tags),
        capabilities=frozenset(expert.capabilities),
        context_window=expert.context_window,
        price_in=expert.price.input,
        price_out=expert.price.output,
        active_parameters=expert.active_parameters,
        total_parameters=expert.total_parameters,
        latency=latency,
        accepts=frozenset(expert.accepts),
        available=expert.enabled,
    )


def catalogue_of(
    revision: int,
    stored: Iterable[ExpertVersion],
    latencies: Mapping[str, float] = MappingProxyType({}),
    measured: int = 0,
) -> Catalogue:
    """Return the catalogue of a revision, with what is measured of its experts.

    An entry that this release cannot read is left out and logged: one of them must not take all
    the others out of service.
    """
    experts: dict[str, Expert] = {}
    versions: dict[str, int] = {}
    for version in sorted(stored, key=lambda version: version.id):
        try:
            experts[version.id] = version.expert()
        except StoredExpertInvalid as error:
            log.error("expert left out of service: %s", error, exc_info=error.__cause__)  # noqa: TRY400 (the cause says more)
            continue
        versions[version.id] = version.version
    return Catalogue(
        revision=revision,
        experts=MappingProxyType(experts),
        versions=MappingProxyType(versions),
        candidates=_candidates(experts, latencies),
        measured=measured,
        aliases=MappingProxyType(_aliases(experts.values())),
    )


def _aliases(experts: Iterable[Expert]) -> dict[str, str]:
    """Return ids by alias; a name that two experts have is that of the first by id."""
    found: dict[str, str] = {}
    for expert in experts:
        for alias in expert.aliases:
            found.setdefault(alias, expert.id)
    return found


def _candidates(
    experts: Mapping[str, Expert], latencies: Mapping[str, float]
) -> tuple[Candidate, ...]:
    return tuple(
        candidate_of(expert, latencies.get(id_))
        for id_, expert in experts.items()
        if not expert.embeds
    )


class HasCatalogue(Protocol):
    """Has a catalogue in memory."""

    @property
    def current(self) -> Catalogue:
        """The catalogue; costs nothing."""
        ...


class CatalogueService:
    """The catalogue of this process.

    Args:
        engine: Where the catalogue is kept.
        secrets: Loaded together with the catalogue.
        announce: Tells the other replicas that a topic changed; must not raise.
        prepare: Called in a thread with every new catalogue before requests see it, for what takes
            too long to be done while one waits; must not raise.
        changed: Called with the id of every expert whose entry has changed; must not raise.
        addresses: Where experts may be; public addresses and this machine unless given.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        secrets: SecretStore,
        announce: Callable[[str], Awaitable[None]],
        prepare: Callable[[Catalogue], None] | None = None,
        changed: Callable[[str], None] | None = None,
        addresses: AddressPolicy | None = None,
    ) -> None:
        self._engine = engine
        self._secrets = secrets
        self._announce = announce
        self._prepare = prepare
        self._changed = changed
        self._addresses = addresses or AddressPolicy.parse(THIS_MACHINE)
        self._latencies: Mapping[str, float] = {}
        self._current = Catalogue()
        self._refreshing = asyncio.Lock()

    @property
    def current(self) -> Catalogue:
        """The catalogue as last read; costs nothing."""
        return self._current

    async def load(self) -> None:
        """Read everything, whatever the revision.

        Raises:
            SQLAlchemyError: If the database cannot be read; what is in memory stays.
        """
        async with self._refreshing, self._engine.connect() as connection:
            await self._read(connection, await repository.revision(connection))

    async def refresh(self) -> None:
        """Read everything anew if the revision has changed; one short query if not.

        Raises:
            SQLAlchemyError: If the database cannot be read; what is in memory stays.
        """
        async with self._refreshing, self._engine.connect() as connection:
            revision = await repository.revision(connection)
            if revision != self._current.revision:
                await self._read(connection, revision)

    async def measure(self, latencies: Mapping[str, float]) -> None:
        """Take over how long answers take; nothing is done where nothing has changed.

        Args:
            latencies: Seconds by expert; those that are not there are unknown.
        """
        async with self._refreshing:
            if latencies == self._latencies:
                return
            self._latencies = dict(latencies)
            current = self._current
            catalogue = replace(
                current,
                candidates=_candidates(current.experts, latencies),
                measured=current.measured + 1,
            )
            await self._use(catalogue)

    async def page(self, *, limit: int, after: str = "") -> list[ExpertVersion]:
        """Return up to ``limit`` experts with ids after ``after``, from the database."""
        async with self._engine.connect() as connection:
            return await repository.heads(connection, limit=limit, after=after)

    async def authors(self) -> frozenset[str]:
        """Return everybody who ever changed the catalogue, from the database."""
        async with self._engine.connect() as connection:
            return await repository.authors(connection)

    async def get(self, expert_id: str) -> ExpertVersion:
        """Return the version in force of an expert, from the database.

        Raises:
            ExpertUnknown: If there is none.
        """
        async with self._engine.connect() as connection:
            return await repository.get(connection, expert_id)

    async def versions(
        self, expert_id: str, *, limit: int, before: int | None = None
    ) -> list[ExpertVersion]:
        """Return versions of an expert, the newest first, retired or not.

        Raises:
            ExpertUnknown: If there never was one.
        """
        async with self._engine.connect() as connection:
            return await repository.versions(connection, expert_id, limit=limit, before=before)

    async def create(self, expert: Expert, *, by: str) -> ExpertVersion:
        """Add an expert.

        Raises:
            CatalogueInvalid: If it cannot be stored.
            ExpertExists: If its id is taken.
        """
        self.check([expert])
        async with self._change() as connection:
            return await repository.create(connection, expert, by=by)

    async def update(
        self, expert: Expert, *, by: str, expected: int | None = None
    ) -> ExpertVersion:
        """Change an expert; where nothing differs no version is added.

        Raises:
            CatalogueInvalid: If it cannot be stored.
            ExpertUnknown: If there is none.
            VersionConflict: If another version than ``expected`` is in force.
        """
        self.check([expert])
        async with self._change() as connection:
            return await repository.update(connection, expert, by=by, expected=expected)

    async def retire(self, expert_id: str, *, by: str) -> None:
        """Take an expert out of the catalogue.

        Raises:
            ExpertUnknown: If there is none.
        """
        async with self._change() as connection:
            await repository.retire(connection, expert_id, by=by)

    async def rollback(self, expert_id: str, version: int, *, by: str) -> ExpertVersion:
        """Put an old version in force again, as a new one.

        Raises:
            ExpertUnknown: If there never was such an expert.
            VersionUnknown: If it has no such version.
            StoredExpertInvalid: If this release does not accept the old entry.
        """
        async with self._change() as connection:
            return await repository.rollback(connection, expert_id, version, by=by)

    async def apply(
        self, wanted: Sequence[Expert], *, by: str, prune: bool = False, dry_run: bool = False
    ) -> list[Change]:
        """Make the catalogue hold these experts, all or nothing; say what changed or would.

        Raises:
            CatalogueInvalid: If they cannot be stored, or two have one id.
        """
        self.check(wanted)
        if dry_run:
            async with self._engine.connect() as connection:
                return await repository.apply(connection, wanted, by=by, prune=prune, dry_run=True)
        async with self._change() as connection:
            return await repository.apply(connection, wanted, by=by, prune=prune)

    def check(self, experts: Sequence[Expert]) -> None:
        """Refuse what could not be stored.

        Raises:
            CatalogueInvalid: With the problems of all entries.
        """
        check(experts)
        check_outgoing(experts, self._addresses)

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[AsyncConnection]:
        """Commit what is done inside, then bring this process and the others up to date."""
        async with self._engine.begin() as connection:
            yield connection
        try:
            await self.refresh()
        except SQLAlchemyError as error:
            # The change is committed: to call it failed would be wrong. The poll catches up.
            log.warning("changed the catalogue but could not read it back: %s", error)
        await self._announce(TOPIC)

    async def _read(self, connection: AsyncConnection, revision: int) -> None:
        # The revision was read first: what is newer than it is read once more at the next poll,
        # and nothing is ever missed.
        stored = await repository.heads(connection)
        await self._secrets.load(connection)
        before = self._current
        catalogue = catalogue_of(revision, stored, self._latencies, before.measured)
        await self._use(catalogue)
        if self._changed is not None:
            for expert, version in before.versions.items():
                if catalogue.versions.get(expert) != version:
                    self._changed(expert)

    async def _use(self, catalogue: Catalogue) -> None:
        if self._prepare is not None:
            await asyncio.to_thread(self._prepare, catalogue)
        self._current = catalogue
