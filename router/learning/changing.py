"""What can be changed of a router without learning it anew, from artefact to artefact.

A router that is made of its taxonomy can be changed in all of it. Of one that was learned from data
the budgets and what is said of the categories can; a category can be added with examples, where it
is proved that nothing else changes (:func:`router.learning.add_to`). Everything else needs the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from router.artifact import Artifact, seal
from router.assembly import describe_policy, describe_taxonomy, policies_of, router_of
from router.classifier import Settings
from router.data import Dataset
from router.described import KIND
from router.embedding import Embedder
from router.learning.adding import Added, add_to
from router.learning.budgets import rebudgeted
from router.learning.describing import described
from router.learning.editing import Add, Change, Edit, Remove, edited
from router.learning.regression import Deciders, routes
from router.mapping import Budget
from router.router import Router, build_router
from router.taxonomy import Category
from router.uncertainty import GateSettings


class NeedsData(Exception):
    """The change cannot be made without the data that the router was learned from; says why."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A prompt that is taken for another category than before, by their ids."""

    text: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change of the categories does to prompts whose category is known.

    Args:
        tried: Prompts that were there before.
        moved: Those taken for another category now.
        examples: Prompts that came with the change.
        recognised: How many of those are taken for their category.
        overlaps: How many of the others each category keeps, by its id.
    """

    tried: int
    moved: tuple[Moved, ...] = ()
    examples: int = 0
    recognised: int = 0
    overlaps: dict[str, int] | None = None


def is_described(artifact: Artifact) -> bool:
    """Tell whether the router was made of its taxonomy alone."""
    return artifact.manifest.get("kind") == KIND


def with_budget(artifact: Artifact, policy: str, budget: Budget | None) -> Artifact:
    """Return the artefact with another budget for a policy, or none.

    What its report says of that policy goes, as does the comparison with another version.

    Raises:
        KeyError: If there is no such policy.
    """
    found = {each.name: each for each in policies_of(artifact)}
    found[policy] = rebudgeted(found[policy], budget)
    manifest = {
        **artifact.manifest,
        "policies": [describe_policy(each) for each in found.values()],
    }
    report = manifest.get("report")
    if isinstance(report, dict):
        manifest["report"] = _without(report, policy)
    return seal(manifest, artifact.tensors)


def with_categories(
    artifact: Artifact, embedder: Embedder, edits: Sequence[Edit]
) -> tuple[Artifact, Effect]:
    """Return the artefact with its categories changed, and what that does.

    Args:
        artifact: It is not changed.
        embedder: The artefact's own.
        edits: Made in this order.

    Raises:
        NeedsData: If the router was learned from data and a change needs it.
        InvalidTaxonomy: If the categories would not make a taxonomy.
        DatasetInvalid: If a category is added to a learned router with too few examples.
        AdditionRefused: If it cannot be added without changing the routes of others.
    """
    if is_described(artifact):
        return _described_anew(artifact, embedder, edits)
    for edit in edits:
        _check_learned(edit)
    texts = [edit for edit in edits if isinstance(edit, Change)]
    router = router_of(artifact, embedder)
    taxonomy = edited(router.taxonomy, texts)
    edited(taxonomy, [edit for edit in edits if isinstance(edit, Add)])  # before any work is done
    changed = seal({**artifact.manifest, "taxonomy": describe_taxonomy(taxonomy)}, artifact.tensors)
    effect = Effect(tried=0)
    for edit in edits:
        if isinstance(edit, Add):
            added = add_to(changed, embedder, edit.category, _examples_of(edit.category))
            changed, effect = added.artifact, _joined(effect, added)
    return changed, effect


def _check_learned(edit: Edit) -> None:
    if isinstance(edit, Remove):
        raise NeedsData(
            f"Category {edit.id!r} cannot be removed from a router that was learned from data: its "
            "prompts would have no place. Train it again without them."
        )
    if isinstance(edit, Change) and (edit.add_examples or edit.remove_examples):
        raise NeedsData(
            f"Examples of {edit.id!r} cannot be changed: the classifier was learned from data, and "
            "a few examples do not move it. Train it again with them among the prompts."
        )
    if isinstance(edit, Change) and edit.keywords is not None:
        raise NeedsData(
            f"Keywords of {edit.id!r} cannot be changed: a classifier that was learned from data "
            "does not go by them. Train it again with prompts that hold them."
        )


def _examples_of(category: Category) -> Dataset:
    texts = category.examples
    return Dataset(
        ids=tuple(map(str, range(len(texts)))),
        prompts=texts,
        categories=(category.id,) * len(texts),
        experts=(),
        scores=np.empty((len(texts), 0)),
    )


def _joined(effect: Effect, added: Added) -> Effect:
    overlaps = dict(effect.overlaps or {})
    for category, count in added.overlaps.items():
        overlaps[category] = overlaps.get(category, 0) + count
    return Effect(
        tried=max(effect.tried, added.stored),
        examples=effect.examples + added.examples,
        recognised=effect.recognised + added.recognised,
        overlaps=overlaps,
    )


def _described_anew(
    artifact: Artifact, embedder: Embedder, edits: Sequence[Edit]
) -> tuple[Artifact, Effect]:
    """Learn the classifier again from the changed taxonomy, and calibrate it."""
    manifest, before = artifact.manifest, router_of(artifact, embedder)
    settings = Settings(**manifest["classifier"]["settings"])
    after = build_router(
        edited(before.taxonomy, edits),
        embedder,
        name=str(manifest["name"]),
        policies=tuple(before.policies.values()),
        settings=settings,
        gate_settings=GateSettings(**manifest["gate"]["settings"]),
    )
    return described(after, str(manifest["name"]), settings), _effect(before, after)


def _effect(before: Router, after: Router) -> Effect:
    """Say what becomes of the examples of the one and of those that the other has beside them."""
    old = {text: c.id for c in before.taxonomy.categories for text in c.examples}
    now = {text: c.id for c in after.taxonomy.categories for text in c.examples}
    kept = [text for text, label in old.items() if now.get(text) == label]
    new = [text for text, label in now.items() if old.get(text) != label]
    was, came = _routed(before, kept), _routed(after, [*kept, *new])
    moved = [
        Moved(text, *pair)
        for text, *pair in zip(kept, was, came[: len(kept)], strict=True)
        if pair[0] != pair[1]
    ]
    missed = Counter(
        found for text, found in zip(new, came[len(kept) :], strict=True) if found != now[text]
    )
    return Effect(
        tried=len(kept),
        moved=tuple(moved),
        examples=len(new),
        recognised=len(new) - missed.total(),
        overlaps=dict(missed.most_common()),
    )


def _routed(router: Router, texts: Sequence[str]) -> list[str]:
    """Return the id of the category that each text is treated as."""
    if not texts:
        return []
    deciders = Deciders(router.classifier, router.gate, None, router.taxonomy.general)
    found = routes(deciders, texts, router.embedder.embed(texts)).categories
    return [router.taxonomy.ids[label] for label in found.tolist()]


def _without(report: dict[str, Any], policy: str) -> dict[str, Any]:
    """Return a report that no longer speaks of a policy, nor of another version."""
    kept = {key: value for key, value in report.items() if key != "comparison"}
    policies = kept.get("policies")
    if isinstance(policies, dict):
        kept["policies"] = {name: said for name, said in policies.items() if name != policy}
    return kept
