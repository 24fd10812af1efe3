"""What a router in an artefact says of the prompts of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.router.options import billions_in

if TYPE_CHECKING:
    from router import Router
    from router.data import Dataset
    from router.evaluation import Predictions, Prices
    from router.learning import Progress


def router_and_sizes(directory: Path, parameters: Path | None) -> tuple[Router, dict[str, float]]:
    """Return the router of an artefact, and its experts' active parameters."""
    from router import StaticEmbedder
    from router.artifact import load
    from router.assembly import router_of

    artifact = load(directory)
    known = artifact.manifest.get("active_parameters")
    billions = dict(known) if isinstance(known, dict) else {}
    return router_of(artifact, StaticEmbedder()), billions | billions_in(parameters)


def observed(
    router: Router, billions: dict[str, float], dataset: Dataset, progress: Progress
) -> Predictions:
    """Let the router decide each prompt under each of its policies."""
    from router import Candidate
    from router.evaluation import observe

    pool = router.pool(
        [Candidate(id=name, active_parameters=billions.get(name)) for name in dataset.experts]
    )
    return observe(
        router,
        pool,
        dataset.prompts,
        dataset.experts,
        progress=lambda prompts: progress("deciding", prompts, len(prompts)),
    )


def prices_of(dataset: Dataset, billions: dict[str, float]) -> Prices:
    """Return what the experts cost, as far as it is known."""
    import numpy as np

    from router.evaluation import Prices

    return Prices(
        active_parameters=np.array([billions.get(name, np.nan) for name in dataset.experts])
    )
