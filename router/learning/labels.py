"""The categories that the labels of prompts name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from router.taxonomy import GENERAL, Category, Taxonomy

OUT_OF_SCOPE = frozenset({"oos", "out-of-scope", "out_of_scope"})
"""Labels of prompts that belong to no category; they are never learned from as one."""

_EXAMPLES = 5


def taxonomy_of(prompts: Sequence[str], labels: Sequence[str | None]) -> Taxonomy:
    """Return the categories that labels name, with a few of their prompts, and ``general``."""
    counts = Counter(label for label in labels if label is not None)
    examples: dict[str, list[str]] = {label: [] for label in counts}
    taken: set[str] = set()
    for prompt, label in zip(prompts, labels, strict=True):
        if label is not None and len(examples[label]) < _EXAMPLES and prompt not in taken:
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
