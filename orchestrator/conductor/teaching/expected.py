"""What a router expects of each expert on each question, as runs will hear it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from orchestrator.conductor.panel.belief import Floats
from router import Candidate, NoEligibleExpert, Router, routing_text
from router.router import MAX_VIEWS

POLICY = "quality"


def expected_qualities(
    router: Router,
    candidates: Sequence[Candidate],
    texts: Sequence[str],
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Floats:
    """Return the expected quality of each candidate on each text, (n, E), 0..1.

    Args:
        router: Expects it.
        candidates: The experts.
        texts: The questions.
        progress: Wraps the texts, to show how far it is.
    """
    # Decisions describe so many experts at most; and nobody is left out for what it takes.
    open_to_all = [replace(each, accepts=frozenset(), available=True) for each in candidates]
    pool = router.pool(open_to_all)
    places = {each.id: place for place, each in enumerate(candidates)}
    names = list(places)
    groups = [
        frozenset(names[start : start + MAX_VIEWS]) for start in range(0, len(names), MAX_VIEWS)
    ]
    policy = POLICY if POLICY in router.policies else next(iter(router.policies))
    found = np.full((len(texts), len(names)), np.nan)
    for row, text in enumerate(progress(texts)):
        request = routing_text(text).request(policy)
        for group in groups:
            try:
                decision = router.decide(replace(request, allowed=group), pool)
            except NoEligibleExpert:
                continue  # too long for all of them
            for view in decision.candidates:
                if view.id in group:
                    found[row, places[view.id]] = view.quality
    return _filled(found)


def _filled(found: Floats) -> Floats:
    """Put an expert's mean where nothing was said of it."""
    missing = ~np.isfinite(found)
    counts = (~missing).sum(axis=0)
    sums = np.where(missing, 0.0, found).sum(axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), 0.5)
    filled: Floats = np.where(missing, means, found)
    return filled
