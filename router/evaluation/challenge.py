"""Robustness and attacks of a router as a whole: from its decisions to the two reports."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from router.data import Dataset
from router.decision import RoutingDecision
from router.evaluation import metrics
from router.evaluation.attacks import Attack, attack
from router.evaluation.case import Prices
from router.evaluation.predictions import Deciding, Pool, Predictions
from router.evaluation.robustness import robustness_of
from router.text import routing_text

_RARE = 0.01


def sample(prompts: Sequence[str], most: int, *, seed: int = 0) -> list[str]:
    """Return a random part of the prompts where there are more than ``most``."""
    order = np.random.default_rng(seed).permutation(len(prompts))[:most].tolist()
    return [prompts[place] for place in order]


def steadiness(
    router: Deciding[Pool],
    pool: Pool,
    texts: Sequence[str],
    *,
    policies: Sequence[str],
    seed: int = 0,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> dict[str, Any]:
    """Perturb prompts, and see which decisions survive.

    Args:
        router: The router.
        pool: Its candidates.
        texts: One user turn each.
        policies: Under which decisions are made. The first is the one reported in detail; without
            any, the category found is what has to survive.
        seed: Of the perturbations.
        progress: Wraps the prompts, to show how far it is.

    Returns:
        As :func:`~router.evaluation.robustness.robustness`, with ``of`` (the first policy, or
        ``category``) and ``policies`` (the share unchanged of each, and of the category).
    """

    def decide(text: str) -> list[Hashable]:
        asked = routing_text(text)
        experts = [router.decide(asked.request(name), pool).expert for name in policies]
        return [*experts, router.classify(asked.text).category]

    of = [*policies, "category"]
    found = robustness_of(decide, texts, len(of), seed=seed, progress=progress)
    shares = {name: each["unchanged"] for name, each in zip(of, found, strict=True)}
    return {**found[0], "of": of[0], "policies": shares}


def challenge(
    router: Deciding[Pool],
    pool: Pool,
    texts: Sequence[str],
    expensive: str,
    *,
    policy: str = "balanced",
    seed: int = 0,
) -> Attack:
    """Try to force the expensive expert.

    Args:
        router: The router.
        pool: Its candidates.
        texts: One user turn each.
        expensive: The expert an attacker would want.
        policy: Under which decisions are made.
        seed: Of the search.
    """

    def decide(text: str) -> RoutingDecision:
        return router.decide(routing_text(text).request(policy), pool)

    def pull(text: str) -> float:
        """How good the expensive expert looks beside the chosen one; 1 where it is chosen."""
        decision = decide(text)
        if decision.expert == expensive:
            return 1.0
        quality = {view.id: view.quality for view in decision.candidates}
        return quality.get(expensive, 0.0) - quality.get(decision.expert, 0.0)

    found = attack(pull, lambda text: decide(text).expert == expensive, texts, seed=seed)
    return replace(found, expensive=expensive, policy=policy)


def target(data: Dataset, said: Predictions, prices: Prices) -> tuple[str, str] | None:
    """Return the policy worth attacking and the expert to force: ``None`` where there is neither.

    The policy is ``balanced`` where there is one, as requests that name none get it, else the
    first. The expert is the one that costs most of those it really chooses (on at least one prompt
    in a hundred); where costs are not known, the one that is best.
    """
    if not said.choices or not np.isfinite(data.scores).any():
        return None
    policy = "balanced" if "balanced" in said.choices else next(iter(said.choices))
    often = metrics.shares(said.choices[policy], len(data.experts)) >= _RARE
    costs = next(iter(prices.axes().values()), metrics.expert_quality(data.scores))
    average = costs if costs.ndim == 1 else costs.mean(axis=0)
    value = np.where(often & np.isfinite(average), average, -np.inf)
    if not np.isfinite(value).any():
        return None
    return policy, data.experts[int(value.argmax())]
