"""Changes of a taxonomy, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from router.taxonomy import GENERAL, Category, InvalidTaxonomy, Taxonomy


@dataclass(frozen=True, slots=True)
class Add:
    """A new category; it comes last, but before ``general`` where that is last."""

    category: Category

    @property
    def id(self) -> str:
        """Which category."""
        return self.category.id


@dataclass(frozen=True, slots=True)
class Change:
    """What is said of a category; ``None`` leaves something as it is.

    Args:
        id: Which category.
        name: For people.
        description: One or two sentences.
        keywords: Groups of words, in place of all that there are.
        add_examples: Prompts of this kind; those that are there already stay.
        remove_examples: Prompts that are no longer examples.
    """

    id: str
    name: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] | None = None
    add_examples: tuple[str, ...] = ()
    remove_examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remove:
    """A category that goes, with its examples."""

    id: str


Edit = Add | Change | Remove


def edited(taxonomy: Taxonomy, edits: Sequence[Edit]) -> Taxonomy:
    """Return the taxonomy after some changes, made in order; only the result must be valid.

    Raises:
        InvalidTaxonomy: Where a category or example is not there, or the result is no taxonomy.
    """
    categories = {category.id: category for category in taxonomy.categories}
    for edit in edits:
        if isinstance(edit, Add):
            if edit.category.id in categories:
                raise InvalidTaxonomy(f"there is a category {edit.category.id!r} already")
            categories[edit.category.id] = edit.category
            continue
        if edit.id not in categories:
            raise InvalidTaxonomy(f"there is no category {edit.id!r}")
        if isinstance(edit, Remove):
            del categories[edit.id]
        else:
            categories[edit.id] = _changed(categories[edit.id], edit)
    before = [categories[id_] for id_ in taxonomy.ids if id_ in categories]
    added = [each for id_, each in categories.items() if id_ not in taxonomy.ids]
    # Whoever learned categories from data goes by their order: it is kept.
    last = before[-1:] if before and before[-1].id == GENERAL else []
    return Taxonomy((*before[: len(before) - len(last)], *added, *last))


def _changed(category: Category, edit: Change) -> Category:
    missing = [text for text in edit.remove_examples if text not in category.examples]
    if missing:
        raise InvalidTaxonomy(f"category {edit.id!r} has no example {missing[0][:80]!r}")
    kept = [text for text in category.examples if text not in set(edit.remove_examples)]
    return replace(
        category,
        name=category.name if edit.name is None else edit.name,
        description=category.description if edit.description is None else edit.description,
        keywords=category.keywords if edit.keywords is None else edit.keywords,
        examples=tuple(dict.fromkeys([*kept, *edit.add_examples])),
    )
