"""Versions opened to be looked at, in service or not, over the present catalogue."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestrator.catalogue.service import Catalogue
from orchestrator.routers.errors import RouterPolicyUnknown, RouterVersionUnloadable
from orchestrator.routers.lifecycle import BUILT_IN, RouterVersions
from orchestrator.routers.repository import StoredVersion
from orchestrator.routers.service import Deployed
from router import CandidatePool, Policy, Router
from router.artifact import Artifact, pack, unpack

KEPT = 4
"""Versions kept open, those used last: a learned one may take tens of megabytes."""

T = TypeVar("T")


class Latest(Generic[T]):
    """Answers that stay the same, those used last. Not for several threads.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable) -> T | None:
        """Return what was kept under a key."""
        found = self._found.get(key)
        if found is not None:
            self._found.move_to_end(key)
        return found

    def keep(self, key: Hashable, value: T) -> T:
        """Keep a value, and return it."""
        self._found[key] = value
        self._found.move_to_end(key)
        if len(self._found) > self._most:
            self._found.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class Bench:
    """A version and the candidates it would choose from.

    Args:
        version_id: Of the version, ``starter`` for the built-in one.
        router: The version.
        pool: The candidates.
        state: Names the state of the catalogue that they are of.
    """

    version_id: str
    router: Router
    pool: CandidatePool
    state: tuple[int, int]

    @property
    def names(self) -> dict[str, str]:
        """Names of the categories, by id, in their order."""
        return {category.id: category.name for category in self.router.taxonomy.categories}

    def policy(self, name: str) -> Policy:
        """Return a policy.

        Raises:
            RouterPolicyUnknown: If there is none of that name.
        """
        found = self.router.policies.get(name)
        if found is None:
            raise RouterPolicyUnknown(self.version_id, name, list(self.router.policies))
        return found


class Benches:
    """Opens versions and stores what is made of them.

    Args:
        versions: Of this installation.
        catalogue: Returns the catalogue as this process knows it.
    """

    def __init__(self, versions: RouterVersions, catalogue: Callable[[], Catalogue]) -> None:
        self._versions = versions
        self._catalogue = catalogue
        self._open: Latest[Deployed] = Latest(KEPT)
        self._opening = asyncio.Lock()

    async def open(self, version_id: str) -> Bench:
        """Return a version over the present catalogue.

        Raises:
            RouterVersionUnknown: If there is no such version.
            RouterVersionUnloadable: If this process cannot load it.
        """
        deployed = self._open.get(version_id)
        if deployed is None:
            async with self._opening:  # one at a time: each takes time and memory
                deployed = self._open.get(version_id)
                if deployed is None:
                    deployed = await self._versions.open(version_id)
                    self._open.keep(version_id, deployed)
        catalogue = self._catalogue()
        pool = await asyncio.to_thread(deployed.pool, catalogue)
        state = (catalogue.revision, catalogue.measured)
        return Bench(version_id, deployed.router, pool, state)

    async def artifact(self, bench: Bench) -> Artifact:
        """Return the artefact of a version, of the built-in one, too.

        Raises:
            RouterVersionUnknown: If it is gone.
        """
        if bench.version_id != BUILT_IN:
            return await asyncio.to_thread(unpack, await self._versions.artifact(bench.version_id))
        from router.learning.describing import described

        name = bench.router.version.rpartition("-")[0] or bench.router.version
        try:
            return await asyncio.to_thread(described, bench.router, name)
        except TypeError as error:
            raise RouterVersionUnloadable(bench.version_id, f"{error}.") from error

    async def store(self, artifact: Artifact, *, by: str, note: str) -> tuple[StoredVersion, bool]:
        """Store an artefact as a candidate.

        Returns:
            The version, and whether it is new: the same content is stored once.

        Raises:
            RouterVersionInvalid: If it cannot be used after all.
        """
        data = await asyncio.to_thread(pack, artifact)
        return await self._versions.add(data, by=by, note=note)
