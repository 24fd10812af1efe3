"""A router that is made of what its taxonomy says, as an artefact: no data, nothing learned from it.

The router that comes with the package is one. As an artefact it can be changed, kept and put into
service like one that was learned. It holds the taxonomy and the settings; the classifier is learnt
from them where it is loaded, which takes a fraction of a second and always comes to the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.classifier import Classifier, Settings, fit_calibrated, training_rows
from router.embedding import Embedder
from router.mapping import Policy
from router.router import Router
from router.taxonomy import Taxonomy
from router.uncertainty import Gate, GateSettings

KIND = "described"
MOST_TEXTS = 50_000
"""Examples, groups of keywords and descriptions in all."""
MOST_CATEGORIES = 1_000


def is_described(router: Router) -> bool:
    """Tell whether a router was made of its taxonomy alone."""
    return isinstance(router.classifier, Classifier) and isinstance(router.gate, Gate)


def router_described(
    manifest: Mapping[str, Any],
    version: str,
    embedder: Embedder,
    taxonomy: Taxonomy,
    policies: Sequence[Policy],
) -> Router:
    """Return the router that such an artefact describes.

    Args:
        manifest: The artefact's.
        version: Of the router.
        embedder: The artefact's own.
        taxonomy: Its categories.
        policies: Its trade-offs.

    Raises:
        KeyError: If a setting is missing.
        TypeError: If there is one too many.
        ValueError: If the taxonomy is larger than can be learnt while others wait.
    """
    said = manifest["classifier"]
    told = sum(1 + len(c.examples) + len(c.keywords) for c in taxonomy.categories)
    if told > MOST_TEXTS or len(taxonomy.ids) > MOST_CATEGORIES:
        raise ValueError(
            f"its taxonomy holds more than {MOST_CATEGORIES} categories or {MOST_TEXTS} texts"
        )
    settings, temperature = Settings(**said["settings"]), float(said["temperature"])
    rows = training_rows(taxonomy, embedder, settings)
    return Router(
        version=version,
        embedder=embedder,
        taxonomy=taxonomy,
        classifier=fit_calibrated(rows, len(taxonomy.ids), settings, temperature),
        gate=Gate(GateSettings(**manifest["gate"]["settings"]), float(manifest["gate"]["strange"])),
        policies={policy.name: policy for policy in policies},
    )
