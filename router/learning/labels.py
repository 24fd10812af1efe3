"""Labels of prompts, and the categories that they name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from router.data import Dataset, DatasetInvalid
from router.reading import category_id
from router.taxonomy import GENERAL, Category, Taxonomy

OUT_OF_SCOPE = frozenset({"oos", "out-of-scope", "out_of_scope"})
"""Labels of prompts that belong to no category; they are never learned from as one."""

_EXAMPLES = 5
_LONGEST_EXAMPLE = 1000


def fit_to_show(prompt: str) -> bool:
    """Tell whether a prompt can be an example of a category: short, and storable anywhere."""
    return 0 < len(prompt.strip()) <= len(prompt) <= _LONGEST_EXAMPLE and "\x00" not in prompt


def labels_of(data: Dataset, taxonomy: Taxonomy | None) -> list[str | None]:
    """Return each prompt's category, ``None`` without a label or where it is out of scope.

    Args:
        data: Prompts.
        taxonomy: The categories labels must name, by id or by name; ``None`` for any.

    Raises:
        DatasetInvalid: Naming the row, where a label names none of them.
    """
    labels = [None if label in OUT_OF_SCOPE else label for label in data.categories]
    if taxonomy is None:
        return labels
    known = {_named(category): category.id for category in taxonomy.categories}
    known |= {category.id: category.id for category in taxonomy.categories}
    for row, label in enumerate(labels):
        if label is not None:
            if label not in known:
                raise DatasetInvalid(
                    f"row {row + 1} (id {data.ids[row]!r}): its category {label!r} is not in the "
                    "taxonomy"
                )
            labels[row] = known[label]
    return labels


def _named(category: Category) -> str:
    """Return the id that the category's name would have as a label, or else its own."""
    try:
        return category_id(category.name)
    except DatasetInvalid:
        return category.id


def taxonomy_of(prompts: Sequence[str], labels: Sequence[str | None]) -> Taxonomy:
    """Return the categories that labels name, with a few of their prompts, and ``general``."""
    counts = Counter(label for label in labels if label is not None)
    examples: dict[str, list[str]] = {label: [] for label in counts}
    taken: set[str] = set()
    for prompt, label in zip(prompts, labels, strict=True):
        if label is None or prompt in taken or not fit_to_show(prompt):
            continue
        if len(examples[label]) < _EXAMPLES:
            examples[label].append(prompt)
            taken.add(prompt)
    categories = [
        Category(
            id=label,
            name=label.replace("-", " ").capitalize(),
            description=f"Requests labelled {label} ({counts[label]} of them).",
            examples=tuple(examples[label]),
        )
        for label in sorted(counts)
    ]
    if GENERAL not in counts:
        categories.append(Category(GENERAL, "General", "Whatever the router is unsure of."))
    return Taxonomy(tuple(categories))
