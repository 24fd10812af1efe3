"""The categories a router is to tell apart, and the prompts that teach it to.

Where labels are few, prompts without one join: those nearest to labelled ones (growth), those
likest to what a taxonomy says of a category without any, or all, in groups that are found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from router.data import Dataset, DatasetInvalid
from router.embedding import Embedder, FloatArray
from router.learned.discovery import Discovered, discover
from router.learned.seeding import Seeded, grow_from_seed
from router.learned.zeroshot import first_prompts
from router.learning.labels import OUT_OF_SCOPE, fit_to_show, labels_of, taxonomy_of
from router.learning.plan import Plan
from router.progress import Progress, silent, whole
from router.taxonomy import GENERAL, Category, Taxonomy

Ints = npt.NDArray[np.intp]

_FEW = 10
"""A category with fewer labelled prompts is taught its description and keywords as well."""
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Kinds:
    """Categories, and what teaches them.

    Args:
        taxonomy: The categories.
        labels: Of each prompt, ``None`` where it teaches none.
        trusted: Which of them a person gave.
        told: Texts of the taxonomy with their category, learned from like prompts.
        growth: How many prompts joined which category, for people.
    """

    taxonomy: Taxonomy
    labels: tuple[str | None, ...]
    trusted: tuple[bool, ...]
    told: tuple[tuple[str, str], ...]
    growth: dict[str, Any]


def kinds_of(
    data: Dataset,
    vectors: FloatArray,
    embedder: Embedder,
    plan: Plan,
    progress: Progress = silent,
) -> Kinds:
    """Settle the categories and the prompts that teach them.

    Args:
        data: Prompts, some of them labelled perhaps.
        vectors: The embedder's vectors of them, shape (n, d).
        embedder: The vectors' own.
        plan: Says whether there is a taxonomy, and whether categories are to be discovered.
        progress: Shows how far it is.

    Raises:
        DatasetInvalid: If nothing says what the categories are, or there are fewer than two.
    """
    labels = labels_of(data, plan.taxonomy)
    inside = np.array([label not in OUT_OF_SCOPE for label in data.categories], dtype=bool)
    check_source(data, labels, plan)
    if plan.discover is not None:
        return _discovered(data, vectors, inside, plan, progress)
    taxonomy = plan.taxonomy or taxonomy_of(data.prompts, labels)
    return _grown(data, vectors, labels, inside, taxonomy, embedder, plan, progress)


def check_source(data: Dataset, labels: Sequence[str | None], plan: Plan) -> None:
    """Check that something says what the categories are.

    Raises:
        DatasetInvalid: If nothing does, or two things do that cannot both hold.
    """
    kinds = {label for label in labels if label is not None}
    if plan.discover is not None:
        if kinds or plan.taxonomy is not None:
            known = "a taxonomy" if plan.taxonomy is not None else "labels"
            raise DatasetInvalid(f"categories are not discovered (--discover) beside {known}")
        return
    if plan.taxonomy is not None:
        if len(set(plan.taxonomy.ids) - {GENERAL}) < 2:
            raise DatasetInvalid(
                "no two categories in the taxonomy: there is nothing to tell apart"
            )
        return
    if not kinds:
        raise DatasetInvalid(
            f"none of the {len(data)} prompts has a category: label some (--category-field), "
            "describe the categories (--taxonomy) or have them found (--discover)"
        )
    if len(kinds) < 2:
        raise DatasetInvalid("no two categories among the labels: there is nothing to tell apart")


def _grown(
    data: Dataset,
    vectors: FloatArray,
    labels: Sequence[str | None],
    inside: npt.NDArray[np.bool_],
    taxonomy: Taxonomy,
    embedder: Embedder,
    plan: Plan,
    progress: Progress,
) -> Kinds:
    """Let prompts without a label join; those out of scope never do."""
    rows = np.flatnonzero(inside)
    own, near = [data.prompts[row] for row in rows.tolist()], vectors[rows]
    given = [labels[row] for row in rows.tolist()]
    started = given
    if plan.grow and plan.taxonomy is not None:
        started = _started(own, near, given, taxonomy, embedder)
    grown = None
    if plan.grow and any(given) and not all(started):
        grown = whole(
            progress,
            "growing categories",
            lambda: grow_from_seed(own, near, started, taxonomy.ids, seed=plan.seed),
        )
    final: list[str | None] = [None] * len(data)
    for row, label in zip(rows.tolist(), grown.labels if grown else started, strict=True):
        final[row] = label
    trusted = tuple(label is not None for label in labels)
    told = _told(taxonomy, Counter(label for label in labels if label is not None))
    return Kinds(taxonomy, tuple(final), trusted, told, _report(labels, final, inside, grown))


def _started(
    texts: Sequence[str],
    vectors: FloatArray,
    labels: Sequence[str | None],
    taxonomy: Taxonomy,
    embedder: Embedder,
) -> list[str | None]:
    """Give first prompts to categories without any."""
    ids = taxonomy.ids
    present = set(labels)
    empty = [i for i, id_ in enumerate(ids) if id_ not in present and id_ != GENERAL]
    numbers = np.array([-1 if label is None else ids.index(label) for label in labels])
    found = first_prompts(texts, vectors, numbers, taxonomy, embedder, empty=empty)
    return [ids[number] if number >= 0 else None for number in found.tolist()]


def _told(taxonomy: Taxonomy, counts: Counter[str]) -> tuple[tuple[str, str], ...]:
    """Return what the taxonomy says of categories with few labelled prompts."""
    found: list[tuple[str, str]] = []
    for category in taxonomy.categories:
        if category.id != GENERAL and counts[category.id] < _FEW:
            said = [f"{category.name}. {category.description}", *category.keywords]
            found += [(text, category.id) for text in (*category.examples, *said)]
    return tuple(found)


def _report(
    labels: Sequence[str | None],
    final: Sequence[str | None],
    inside: npt.NDArray[np.bool_],
    grown: Seeded | None,
) -> dict[str, Any]:
    before = Counter(label for label in labels if label is not None)
    after = Counter(label for label in final if label is not None)
    without = int(inside.sum()) - sum(before.values())
    joined = sum(after.values()) - sum(before.values())
    measured = grown is not None and np.isfinite([grown.plain, grown.grown]).all()
    return {
        "labelled": sum(before.values()),
        "unlabelled": without,
        "joined": joined,
        "left": without - joined,
        "categories": {
            name: {"labelled": before[name], "joined": after[name] - before[name]}
            for name in sorted(after)
        },
        "held_out": {"before": round(grown.plain, 4), "after": round(grown.grown, 4)}
        if grown is not None and measured
        else None,
    }


def _discovered(
    data: Dataset,
    vectors: FloatArray,
    inside: npt.NDArray[np.bool_],
    plan: Plan,
    progress: Progress,
) -> Kinds:
    """Find categories in the prompts themselves."""
    rows = np.flatnonzero(inside)
    texts = [data.prompts[row] for row in rows.tolist()]
    found = whole(
        progress,
        "discovering categories",
        lambda: discover(texts, vectors[rows], count=plan.discover or None, seed=plan.seed),
    )
    if len(found) < 2:
        raise DatasetInvalid("the prompts are all of one kind: no categories were found in them")
    labels: list[str | None] = [None] * len(data)
    for group in found:
        for row in rows[list(group.rows)].tolist():
            labels[row] = group.id
    taken = set[str]()
    categories = [_category(group, texts, taken) for group in found]
    categories.append(Category(GENERAL, "General", "Whatever the router is unsure of."))
    nobody = tuple(False for _ in labels)
    nothing: list[str | None] = [None] * len(data)
    taxonomy = Taxonomy(tuple(categories))
    return Kinds(taxonomy, tuple(labels), nobody, (), _report(nothing, labels, inside, None))


def _category(group: Discovered, texts: Sequence[str], taken: set[str]) -> Category:
    """Name a group by its words, and describe it by its typical prompts."""
    examples = [
        text
        for text in dict.fromkeys(texts[row] for row in group.examples)
        if text not in taken and fit_to_show(text)
    ]
    taken.update(examples)
    words = ", ".join(group.keywords[:3]) or group.id
    typical = " ".join(texts[group.examples[0]].replace("\x00", " ").split())
    shown = typical if len(typical) <= _LONGEST_NAME else typical[:_LONGEST_NAME].rstrip() + " ..."
    return Category(
        id=group.id,
        name=words[:1].upper() + words[1:],
        description=f"{len(group.rows)} prompts such as: {shown}",
        examples=tuple(examples),
        keywords=(", ".join(group.keywords),) if group.keywords else (),
    )
