"""A version's categories as people see them, and candidates with others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from orchestrator.routers.errors import (
    RouterAdditionRefused,
    RouterCategoryUnknown,
    RouterTaxonomyFixed,
    RouterTaxonomyInvalid,
)
from orchestrator.routers.repository import StoredVersion
from orchestrator.routers.workbench.benches import Bench, Benches
from router import Category, InvalidTaxonomy, Taxonomy
from router.described import is_described

if TYPE_CHECKING:
    from router.learning.changing import Effect
    from router.learning.editing import Edit

Origin = Literal["starter", "changed", "own"]


class Changed(NamedTuple):
    """What came of a change.

    Args:
        version: The candidate; ``None`` where it was only tried.
        new: Whether it was not stored before.
        effect: What it does to prompts whose category is known.
    """

    version: StoredVersion | None
    new: bool
    effect: Effect


class Categories:
    """Categories of versions.

    Args:
        benches: Opens versions, and stores what is made of them.
        shipped: The categories that come with the package.
    """

    def __init__(self, benches: Benches, shipped: Taxonomy) -> None:
        self._benches = benches
        self.shipped = {category.id: category for category in shipped.categories}

    async def open(self, version_id: str) -> Bench:
        """Return a version.

        Raises:
            RouterVersionError: If it cannot be opened.
        """
        return await self._benches.open(version_id)

    async def one(self, version_id: str, category_id: str) -> Category:
        """Return one category of a version.

        Raises:
            RouterCategoryUnknown: If there is none of this id.
            RouterVersionError: If the version cannot be opened.
        """
        bench = await self._benches.open(version_id)
        for category in bench.router.taxonomy.categories:
            if category.id == category_id:
                return category
        raise RouterCategoryUnknown(version_id, category_id)

    async def change(
        self, version_id: str, edits: Sequence[Edit], *, by: str, note: str, preview: bool
    ) -> Changed:
        """Store a candidate with other categories, or only see what would come of it.

        Args:
            version_id: What is changed.
            edits: In order.
            by: Who does it.
            note: What it is, for people.
            preview: Nothing is stored.

        Raises:
            RouterTaxonomyInvalid: If the categories would make no taxonomy, or there are too few
                examples.
            RouterTaxonomyFixed: If a change needs the data the version was learned from.
            RouterAdditionRefused: If a category cannot be added without changing other routes.
            RouterVersionError: If the version cannot be opened.
        """
        from router.data import DatasetInvalid
        from router.learning import AdditionRefused
        from router.learning.changing import NeedsData, with_categories

        bench = await self._benches.open(version_id)
        artifact = await self._benches.artifact(bench)
        try:
            changed, effect = await asyncio.to_thread(
                with_categories, artifact, bench.router.embedder, edits
            )
        except NeedsData as error:
            raise RouterTaxonomyFixed(str(error)) from error
        except AdditionRefused as error:
            raise RouterAdditionRefused(f"{error}.") from error
        except (InvalidTaxonomy, DatasetInvalid) as error:
            raise RouterTaxonomyInvalid(f"changes: {error}.") from error
        if preview:
            return Changed(None, False, effect)
        said = note or f"Categories changed: {_told(edits)}. From {bench.router.version}."
        stored, new = await self._benches.store(changed, by=by, note=said[:1000])
        return Changed(stored, new, effect)


def _told(edits: Sequence[Edit]) -> str:
    return ", ".join(f"{type(edit).__name__.lower()} {edit.id}" for edit in edits)


def origin_of(category: Category, shipped: Mapping[str, Category]) -> Origin:
    """Tell whether a category is as it was shipped, was changed, or is somebody's own.

    Args:
        category: Of any version.
        shipped: Those of the version that comes with the package, by id.
    """
    known = shipped.get(category.id)
    if known is None:
        return "own"
    return "starter" if known == category else "changed"


def learned(bench: Bench) -> bool:
    """Tell whether a version was learned from data."""
    return not is_described(bench.router)
