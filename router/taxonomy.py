"""The kinds of request a router tells apart, read from plain files.

A category is one file of YAML or JSON::

    id: law
    name: Law
    description: Statutes, contracts, courts and rights.
    examples: |
      Can my landlord keep the deposit?
      What is the difference between a tort and a crime?
    keywords: |
      plaintiff, negligence, due process

``examples`` is a list, or a block of text with one example a line. ``keywords`` are the words of
the trade, in groups as they belong together: one group a line, or a list. Adding a category takes
a file and no code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

GENERAL = "general"
"""The category that takes whatever the router is unsure of."""

_ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_FIELDS = {"id", "name", "description", "examples", "keywords", "parent", "embedder"}
_SUFFIXES = (".yaml", ".yml", ".json")


class InvalidTaxonomy(ValueError):
    """The categories do not make a taxonomy; the message names the file or category."""


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of request.

    Args:
        id: Lower-case letters, digits, ``.``, ``_`` and ``-``, up to 64.
        name: For people, and part of what the classifier learns from.
        description: One or two sentences, learnt from as well.
        examples: Prompts of this kind. None is enough to start: name and description count.
        keywords: Groups of words typical of this kind.
        parent: Id of the broader category, or ``None``.
        embedder: Name of an embedder that tells this kind better, in addition to the router's own;
            needed by routers that are learned from data (:mod:`router.embedding.resolve`).
    """

    id: str
    name: str
    description: str
    examples: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    parent: str | None = None
    embedder: str | None = None

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise InvalidTaxonomy(f"category id {self.id!r}: lower-case letters, digits, '._-'")
        if not self.name.strip() or not self.description.strip():
            raise InvalidTaxonomy(f"category {self.id!r} needs a name and a description")
        if any(not text.strip() for text in self.examples + self.keywords):
            raise InvalidTaxonomy(f"category {self.id!r} has an empty example or keyword group")
        if len(set(self.examples)) < len(self.examples):
            raise InvalidTaxonomy(f"category {self.id!r} has an example twice")


@dataclass(frozen=True)
class Taxonomy:
    """Categories in a fixed order.

    Raises:
        InvalidTaxonomy: Unless ids are unique, ``general`` is among them, parents exist without
            a circle, and no prompt is an example of two categories.
    """

    categories: tuple[Category, ...]

    def __post_init__(self) -> None:
        ids = self.ids
        repeated = {id_ for id_ in ids if ids.count(id_) > 1}
        if repeated:
            raise InvalidTaxonomy(f"category ids used twice: {', '.join(sorted(repeated))}")
        if GENERAL not in ids:
            raise InvalidTaxonomy(f"a taxonomy holds the category {GENERAL!r}")
        self._check_parents()
        owner: dict[str, str] = {}
        for category in self.categories:
            for example in category.examples:
                if example in owner:
                    raise InvalidTaxonomy(
                        f"{example!r} is an example of {owner[example]!r} and of {category.id!r}"
                    )
                owner[example] = category.id

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The categories' ids, in order."""
        return tuple(category.id for category in self.categories)

    @cached_property
    def general(self) -> int:
        """Index of the category ``general``."""
        return self.ids.index(GENERAL)

    def _check_parents(self) -> None:
        parents = {category.id: category.parent for category in self.categories}
        for start in parents:
            seen = {start}
            above = parents[start]
            while above is not None:
                if above not in parents:
                    raise InvalidTaxonomy(f"category {start!r}: there is no parent {above!r}")
                if above in seen:
                    raise InvalidTaxonomy(f"category {start!r} is its own ancestor")
                seen.add(above)
                above = parents[above]


def category_from(data: object, source: str) -> Category:
    """Build a category from a decoded YAML or JSON document.

    Args:
        data: The document.
        source: Where it came from, for messages.

    Raises:
        InvalidTaxonomy: Where a field is missing, unknown or of the wrong type.
    """
    if not isinstance(data, Mapping):
        raise InvalidTaxonomy(f"{source}: a category is a mapping of fields")
    unknown = {str(key) for key in data} - _FIELDS
    if unknown:
        raise InvalidTaxonomy(f"{source}: unknown fields: {', '.join(sorted(unknown))}")
    parent, embedder = data.get("parent"), data.get("embedder")
    if parent is not None and not isinstance(parent, str):
        raise InvalidTaxonomy(f"{source}: 'parent' is the id of a category")
    if embedder is not None and not isinstance(embedder, str):
        raise InvalidTaxonomy(f"{source}: 'embedder' is the name of an embedder")
    return Category(
        id=_text(data, "id", source),
        name=_text(data, "name", source),
        description=_text(data, "description", source),
        examples=_texts(data, "examples", source),
        keywords=_texts(data, "keywords", source),
        parent=parent,
        embedder=embedder,
    )


def load_taxonomy(folder: Path | Traversable) -> Taxonomy:
    """Read every ``.yaml``, ``.yml`` and ``.json`` file of a folder, one category each.

    Categories come in the order of the files' names, ``general`` last.

    Raises:
        InvalidTaxonomy: Where a file or the whole is not valid.
    """
    entries = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(_SUFFIXES)),
        key=lambda entry: entry.name,
    )
    categories = [_read(entry) for entry in entries]
    return Taxonomy(tuple(sorted(categories, key=lambda category: category.id == GENERAL)))


def read_taxonomy(path: Path) -> Taxonomy:
    """Read the categories of one file, or of a folder as :func:`load_taxonomy` does.

    A file holds ``categories``, a list of what a file of a folder holds, or that list alone. The
    category ``general`` is added where it is not among them.

    Raises:
        InvalidTaxonomy: Naming the file, the category and the field.
    """
    if path.is_dir():
        return load_taxonomy(path)
    document = _decoded(path)
    entries = document.get("categories") if isinstance(document, Mapping) else document
    if not isinstance(entries, list) or not entries:
        raise InvalidTaxonomy(
            f"{path.name}: 'categories' is a list of categories and must be given"
        )
    if isinstance(document, Mapping) and set(document) != {"categories"}:
        raise InvalidTaxonomy(f"{path.name}: there is nothing to be known but 'categories'")
    found = [
        category_from(entry, f"{path.name}, category {number}")
        for number, entry in enumerate(entries, start=1)
    ]
    if not any(category.id == GENERAL for category in found):
        found.append(Category(GENERAL, "General", "Whatever the router is unsure of."))
    return Taxonomy(tuple(sorted(found, key=lambda category: category.id == GENERAL)))


def starter_taxonomy() -> Taxonomy:
    """The ten categories that ship with the package (``router/starter``)."""
    return load_taxonomy(files("router") / "starter")


def _read(entry: Path | Traversable) -> Category:
    return category_from(_decoded(entry), entry.name)


def _decoded(entry: Path | Traversable) -> object:
    import json

    import yaml

    try:
        text = entry.read_text(encoding="utf-8")
        if entry.name.endswith(".json"):
            data: object = json.loads(text)
        else:
            data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe loaders; the C one is eight times as fast
    except (yaml.YAMLError, json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidTaxonomy(f"{entry.name} cannot be read: {error}") from error
    return data


def _text(data: Mapping[Any, Any], field: str, source: str) -> str:
    value = data.get(field)
    if not isinstance(value, str):
        raise InvalidTaxonomy(f"{source}: {field!r} is a text and must be given")
    return value.strip()


def _texts(data: Mapping[Any, Any], field: str, source: str) -> tuple[str, ...]:
    value = data.get(field)
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(_lines(value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(item.strip() for item in value)
    raise InvalidTaxonomy(f"{source}: {field!r} is a list of texts, or a block with one a line")


def _lines(block: str) -> Iterable[str]:
    return (line.strip() for line in block.splitlines() if line.strip())
