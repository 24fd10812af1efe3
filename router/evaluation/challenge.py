"""Robustness and attacks of a router as a whole: from its decisions to the two reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from router.decision import RoutingDecision
from router.evaluation.attacks import Attack, attack
from router.evaluation.predictions import Deciding, Pool
from router.evaluation.robustness import robustness
from router.text import routing_text


def challenge(
    router: Deciding[Pool],
    pool: Pool,
    prompts: Sequence[str],
    expensive: str,
    *,
    policy: str = "balanced",
    most: int = 200,
    seed: int = 0,
) -> tuple[dict[str, Any], Attack]:
    """Perturb prompts, and try to force the expensive expert.

    Args:
        router: The router.
        pool: Its candidates.
        prompts: One user turn each.
        expensive: The expert an attacker would want.
        policy: Under which decisions are made.
        most: A random part of the prompts is used where there are more.
        seed: Of choice, perturbations and search.

    Returns:
        What :func:`~router.evaluation.robustness.robustness` and
        :func:`~router.evaluation.attacks.attack` return, for :func:`~router.evaluation.evaluate`.
    """
    order = np.random.default_rng(seed).permutation(len(prompts))[:most].tolist()
    texts = [prompts[place] for place in order]

    def decide(text: str) -> RoutingDecision:
        return router.decide(routing_text(text).request(policy), pool)

    def pull(text: str) -> float:
        """How good the expensive expert looks beside the chosen one; 1 where it is chosen."""
        decision = decide(text)
        if decision.expert == expensive:
            return 1.0
        quality = {view.id: view.quality for view in decision.candidates}
        return quality.get(expensive, 0.0) - quality.get(decision.expert, 0.0)

    return (
        robustness(lambda text: decide(text).expert, texts, seed=seed),
        attack(pull, lambda text: decide(text).expert == expensive, texts, seed=seed),
    )
