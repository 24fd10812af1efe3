"""One more category for a router that is learned already, from a few examples.

Nothing else is learned anew, and that nothing else changes is proved: the artefact holds prompts
with the routes they took, and they must take them still.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from router.artifact import Artifact, seal
from router.assembly import describe_policy, describe_taxonomy, part_of, router_of
from router.data import Dataset, DatasetInvalid
from router.embedding import Embedder, FloatArray
from router.learned.addition import Prompts, add_category
from router.learned.classifier import LearnedClassifier
from router.learned.gate import LearnedGate
from router.learning.budgets import cost_of
from router.learning.labels import fit_to_show
from router.learning.regression import Deciders, Stored, routes
from router.learning.sealing import Learned, scores_of, tensors_of
from router.mapping import AVERAGES, Policy
from router.prices import Price, prices_from
from router.quality.extension import Estimate, estimate, with_category
from router.quality.model import QualityModel
from router.router import Router
from router.taxonomy import Category, Taxonomy
from router.text import routing_text

Floats = npt.NDArray[np.float64]

FEWEST = 5
"""Examples."""
_EXAMPLES = 5
_LOWERED = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class AdditionRefused(Exception):
    """The category cannot be added without changing the routes of others; says of how many."""


@dataclass(frozen=True, slots=True)
class Added:
    """A router with one more category.

    Args:
        artifact: The new artefact.
        examples: How many there were.
        recognised: How many of them go to the new category.
        overlaps: How many of the others each category keeps, by its id.
        before: How many of the examples went to which category before.
        stored: How many stored prompts were shown to route as before.
    """

    artifact: Artifact
    examples: int
    recognised: int
    overlaps: dict[str, int]
    before: dict[str, int]
    stored: int


class _Parts(NamedTuple):
    """What is there, and the prompts involved."""

    router: Router
    classifier: LearnedClassifier
    gate: LearnedGate
    quality: QualityModel | None
    examples: Prompts
    probabilities: Floats
    stored: Stored
    vectors: FloatArray
    """Of the stored prompts."""


def add_to(
    artifact: Artifact, embedder: Embedder, category: Category, data: Dataset, *, seed: int = 0
) -> Added:
    """Add a category to a router.

    Args:
        artifact: The router, trained with a store of prompts; it is not changed.
        embedder: The artefact's own.
        category: Its id, name and description; examples are taken from the data.
        data: At least five different prompts of the category, with scores perhaps.
        seed: Of its prototypes.

    Raises:
        DatasetInvalid: If there are too few examples, or one is a stored prompt of another.
        InvalidTaxonomy: If the category is there already, or its parent is not.
        ArtifactInvalid: If the artefact cannot be used.
        AdditionRefused: If stored prompts would be routed differently, or no example would be
            recognised.
    """
    texts = list(dict.fromkeys(data.prompts))
    if len(texts) < FEWEST:
        raise DatasetInvalid(
            f"{len(texts)} different prompts: a category is added from {FEWEST} or more"
        )
    parts = _parts(artifact, embedder, texts)
    taken = {text for each in parts.router.taxonomy.categories for text in each.examples}
    short = [text for text in texts if text not in taken and fit_to_show(text)]
    named = replace(category, examples=tuple(short[:_EXAMPLES]))
    taxonomy = Taxonomy((*parts.router.taxonomy.categories, named))
    quality, planned = _valued(parts, data, texts)
    added = add_category(
        parts.classifier, parts.examples, Prompts(parts.stored.texts, parts.vectors), seed=seed
    )
    settled = _settled(parts, added.classifier, quality)
    policies = _policies(artifact, parts, planned, named.id)
    own = settled.routes
    recognised = own.categories == len(taxonomy.ids) - 1
    kept = np.flatnonzero(recognised).tolist()
    stored = parts.stored + Stored(
        tuple(own.texts[row] for row in kept), own.categories[kept], own.experts[kept]
    )
    learned = Learned(
        taxonomy, settled.classifier, settled.gate, quality, policies, stored, planned
    )
    return Added(
        _resealed(artifact, learned, named.id, len(texts)),
        len(texts),
        int(recognised.sum()),
        _counted(own.categories[~recognised], taxonomy),
        _counted(routes(_deciders(parts), *parts.examples).categories, taxonomy),
        len(parts.stored.texts),
    )


def _counted(categories: npt.NDArray[np.intp], taxonomy: Taxonomy) -> dict[str, int]:
    counts = Counter(taxonomy.ids[label] for label in categories.tolist())
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def _deciders(parts: _Parts) -> Deciders:
    return Deciders(parts.classifier, parts.gate, parts.quality, parts.router.taxonomy.general)


def _parts(artifact: Artifact, embedder: Embedder, texts: Sequence[str]) -> _Parts:
    router = router_of(artifact, embedder)
    arrays = part_of(artifact, "stored")
    if not arrays:
        raise DatasetInvalid(
            "the artefact holds no prompts to prove with that others stay as they are; train it "
            "again with prompts stored"
        )
    stored = Stored.load(arrays)
    classifier = LearnedClassifier.load(
        part_of(artifact, "classifier"), artifact.manifest["classifier"]
    )
    quality = router.quality
    vectors = embedder.embed(texts)
    return _Parts(
        router,
        classifier,
        LearnedGate.load(part_of(artifact, "gate")),
        quality if isinstance(quality, QualityModel) else None,
        Prompts(texts, vectors),
        classifier.many(texts, vectors).probabilities,
        stored,
        embedder.embed(stored.texts),
    )


def _valued(
    parts: _Parts, data: Dataset, texts: Sequence[str]
) -> tuple[QualityModel | None, Floats | None]:
    """Return the quality model with the new category, and the scores planned with."""
    planned = parts.router.planned
    if parts.quality is None:
        return None, None
    scores = _scores(parts.quality.experts, data, texts)
    found = estimate(parts.quality, *parts.examples, parts.probabilities, scores)
    model = with_category(parts.quality, *parts.examples, parts.probabilities, found)
    if planned is None:
        return model, None
    return model, np.vstack([planned, _planned_row(planned, parts.probabilities, found)])


def _scores(experts: Sequence[str], data: Dataset, texts: Sequence[str]) -> Floats:
    """Return the examples' scores in the model's order; of a repeated prompt their mean."""
    unknown = sorted(set(data.experts) - set(experts))
    if unknown:
        raise DatasetInvalid(
            f"scores of {unknown[0]!r}, of whom the router knows nothing; it knows "
            f"{', '.join(experts[:5])}"
        )
    found = np.full((len(texts), len(experts)), np.nan)
    rows = {text: row for row, text in enumerate(texts)}
    for expert, column in zip(data.experts, data.scores.T, strict=True):
        own: dict[int, list[float]] = {}
        for prompt, score in zip(data.prompts, column.tolist(), strict=True):
            if not np.isnan(score):
                own.setdefault(rows[prompt], []).append(score)
        for row, several in own.items():
            found[row, experts.index(expert)] = sum(several) / len(several)
    return found


def _planned_row(planned: Floats, probabilities: Floats, found: Estimate) -> Floats:
    """Plan with the mixture of the other categories, moved by the category's own evidence."""
    row: Floats = probabilities.mean(axis=0) @ planned + (found.mean - found.prior)
    return row


class _Settled(NamedTuple):
    """What decides, and the routes of the examples."""

    classifier: LearnedClassifier
    gate: LearnedGate
    routes: Stored


def _settled(
    parts: _Parts, classifier: LearnedClassifier, quality: QualityModel | None
) -> _Settled:
    """Lower the new category until every stored prompt routes as before."""
    changed, new = 0, len(classifier.intercept) - 1
    for step in _LOWERED:
        lowered = _lowered(classifier, step)
        gate = _with_threshold(parts.gate, lowered, parts.examples)
        deciders = Deciders(lowered, gate, quality, parts.router.taxonomy.general)
        own = routes(deciders, *parts.examples)
        if not (own.categories == new).any():
            break
        changed = len(parts.stored.changed(routes(deciders, parts.stored.texts, parts.vectors)))
        if not changed:
            return _Settled(lowered, gate, own)
    count = len(parts.stored.texts)
    if changed:
        raise AdditionRefused(
            f"{changed} of {count} stored prompts would be routed differently. The examples are too "
            "much like prompts of other categories"
        )
    raise AdditionRefused(
        f"none of the {len(parts.examples.texts)} examples can be told from the {count} stored "
        "prompts of the other categories"
    )


def _lowered(classifier: LearnedClassifier, step: float) -> LearnedClassifier:
    if not step:
        return classifier
    value = np.nextafter(np.float16(classifier.intercept[-1] - step), np.float16(-np.inf))
    return replace(classifier, intercept=np.append(classifier.intercept[:-1], np.float32(value)))


def _with_threshold(
    gate: LearnedGate, classifier: LearnedClassifier, examples: Prompts
) -> LearnedGate:
    """Give the new category the other categories' usual threshold, or one that lets examples in."""
    said = classifier.many(*examples)
    own = said.probabilities.argmax(axis=1) == len(classifier.intercept) - 1
    doubts = gate.many(said)[own]
    usual = float(np.median(gate.thresholds))
    highest = float(np.quantile(doubts, 0.9)) if len(doubts) else usual
    return replace(gate, thresholds=(*gate.thresholds, min(1.0, max(usual, highest))))


def _policies(
    artifact: Artifact, parts: _Parts, planned: Floats | None, new: str
) -> tuple[Policy, ...]:
    """Return the policies; a mapping that was solved gets an expert for the new category."""
    policies = tuple(parts.router.policies.values())
    if planned is None or parts.quality is None:
        return policies
    experts = parts.quality.experts
    prices = prices_from(artifact.manifest.get("prices") or {}, "artefact")
    shares = artifact.manifest.get("shares") or {}
    tokens = [routing_text(text).prompt_tokens for text in parts.examples.texts]
    found = []
    for policy in policies:
        if policy.mapping:
            within = _within(policy, prices, shares, float(np.mean(tokens)))
            allowed = [e for e in range(len(experts)) if experts[e] in within]
            best = experts[allowed[int(planned[-1, allowed].argmax())]] if allowed else None
            extra = {new: best} if best is not None else {}
            policy = replace(policy, mapping={**policy.mapping, **extra})
        found.append(policy)
    return tuple(found)


def _within(
    policy: Policy, prices: Mapping[str, Price], shares: Mapping[str, float], tokens: float
) -> set[str]:
    """Return whom the policy uses already and may use for one more category of usual size.

    Where nobody keeps to an average, the cheapest does.
    """
    mapping = policy.mapping or {}
    allowed = set(mapping.values())
    limits = policy.budget.limits() if policy.budget else {}
    own = 1.0 / (len(mapping) + 1)
    for limit in set(AVERAGES) & limits.keys():
        costs = {expert: cost_of(limit, prices.get(expert, Price()), tokens) for expert in allowed}
        known = {expert: cost for expert, cost in costs.items() if cost is not None}
        spent = sum(shares.get(c, 0.0) * known.get(e, 0.0) for c, e in mapping.items())
        room = (limits[limit] - (1.0 - own) * spent) / own
        cheap = {expert for expert, cost in known.items() if cost <= room}
        allowed = cheap or set(sorted(known, key=lambda e: known[e])[:1])
    return allowed


def _resealed(artifact: Artifact, learned: Learned, new: str, examples: int) -> Artifact:
    """Return the artefact of the new parts; the report of the old ones does not hold for them."""
    manifest = {key: value for key, value in artifact.manifest.items() if key != "report"}
    added = [*manifest.get("added", []), {"category": new, "examples": examples}]
    quality = learned.quality
    manifest |= {
        "taxonomy": describe_taxonomy(learned.taxonomy),
        "classifier": learned.classifier.settings(),
        "quality": quality.settings() if quality else None,
        "policies": [describe_policy(policy) for policy in learned.policies],
        "scores": scores_of(quality, learned.taxonomy) if quality else {},
        "added": added,
    }
    kept = {name: array for name, array in artifact.tensors.items() if name.startswith("embedder/")}
    return seal(manifest, {**kept, **tensors_of(learned)})
