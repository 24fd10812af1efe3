"""Makes a router out of an artefact with what this process has: embedders, and models of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router import Embedder, Router
    from router.artifact import Artifact
    from router.embedding.resolve import EmbedderResolver

_HINT = "COE_EMBEDDERS_DIR names the folder of models"


def make_resolver(
    folder: Path | None,
    known: tuple[Embedder, ...] = (),
    wrap: Callable[[Embedder], Embedder] | None = None,
) -> EmbedderResolver:
    """Return what finds the embedders that artefacts were made with.

    Args:
        folder: Of models, if the settings name one.
        known: Embedders that this process has anyway.
        wrap: Puts around an embedder what this process needs of it, such as :func:`ahead`.
    """
    from router.embedding.resolve import EmbedderResolver

    places = [folder] if folder else []
    return EmbedderResolver(places, known, hint=_HINT, wrap=wrap)


def ahead(embedder: Embedder) -> Embedder:
    """Return an embedder that the event loop need not wait for."""
    from orchestrator.routers.encoding import EncodedAhead
    from router.embedding.encoders import is_encoder, texts_together

    if not is_encoder(embedder):
        return embedder
    return EncodedAhead(embedder, together=texts_together(embedder))


def build_from(artifact: Artifact, resolver: EmbedderResolver) -> Router:
    """Return the router of an artefact, its embedder loaded. Call it in a thread.

    The modules of learned routers are imported here: an installation that has none starts without.

    Args:
        artifact: The artefact.
        resolver: Finds the embedder that the artefact was made with.

    Raises:
        ArtifactInvalid: If it does not describe a router that this release can run, or its embedder
            is not on this machine.
    """
    from router.assembly import embedder_of, router_of

    return router_of(artifact, embedder_of(artifact, resolver))
