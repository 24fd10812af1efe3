"""A router that was made of its taxonomy alone, put into an artefact."""

from __future__ import annotations

from dataclasses import asdict

from router.artifact import Artifact, seal
from router.assembly import describe_policy, describe_taxonomy
from router.classifier import Classifier, Settings
from router.described import KIND
from router.embedding.resolve import arrays_of, describe
from router.router import Router
from router.uncertainty import Gate


def described(router: Router, name: str, settings: Settings | None = None) -> Artifact:
    """Return the artefact of a router that was made of its taxonomy.

    Args:
        router: From :func:`router.router.build_router`.
        name: First part of its version.
        settings: How its classifier was learnt; by default as usual.

    Raises:
        TypeError: If it was learned from data.
    """
    classifier, gate = router.classifier, router.gate
    if not isinstance(classifier, Classifier) or not isinstance(gate, Gate):
        raise TypeError("the router was learned from data")
    manifest = {
        "kind": KIND,
        "name": name,
        "embedder": describe(router.embedder),
        "taxonomy": describe_taxonomy(router.taxonomy),
        "classifier": {
            "settings": asdict(settings or Settings()),
            "temperature": classifier.temperature,
        },
        "gate": {"settings": asdict(gate.settings), "strange": gate.strange},
        "policies": [describe_policy(policy) for policy in router.policies.values()],
        "experts": [],
        "quality": None,
        "scores": {},
    }
    tensors = {f"embedder/{part}": array for part, array in arrays_of(router.embedder).items()}
    return seal(manifest, tensors)
