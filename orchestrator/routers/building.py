"""Makes a router out of an artefact with what this process has: its embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router import Embedder, Router
    from router.artifact import Artifact


def build_from(artifact: Artifact, embedder: Embedder) -> Router:
    """Return the router of an artefact.

    The modules of learned routers are imported here: an installation that has none starts without.

    Args:
        artifact: The artefact.
        embedder: The one of this process; the artefact must have been made with the same.

    Raises:
        ArtifactInvalid: If it does not describe a router that this release can run.
    """
    from router.assembly import router_of

    return router_of(artifact, embedder)
