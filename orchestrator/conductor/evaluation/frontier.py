"""The frontier of simple policies: the most that any mixture of them reaches at a cost.

To choose between two policies at random is a policy too, so whatever lies on the upper hull of points
(mean cost, accuracy) can be had. What costs more is worth it only where it lies above: Kapoor and
others, "AI Agents That Matter" (arXiv 2407.01502).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router.evaluation.intervals import Interval, bootstrap
from router.evaluation.metrics import Bools, Floats
from router.evaluation.tradeoff import hull


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to answer, measured task by task.

    Args:
        name: Its name.
        right: Whether it is right on each task, 0 to 1, (n,); NaN where that is not known.
        costs: What each task costs, in any one unit, (n,).
    """

    name: str
    right: Floats
    costs: Floats

    @property
    def point(self) -> tuple[float, float]:
        """Its mean cost, to 12 digits, and its accuracy.

        Sums of the same prices differ in their last digits, and no rate is to be read off that.
        """
        return float(f"{self.costs.mean():.12g}"), float(self.right.mean())


@dataclass(frozen=True, slots=True)
class Mixture:
    """The part of a frontier that a sum buys: one policy, or two of them at random.

    Args:
        shares: Policies, and how often each is taken; together 1.
        slope: What a further unit of cost brings there; 0 beyond the best policy.
    """

    shares: tuple[tuple[Policy, float], ...]
    slope: float

    @property
    def right(self) -> Floats:
        """How often it is right on each task, (n,)."""
        return _mixed([(policy.right, share) for policy, share in self.shares])

    @property
    def costs(self) -> Floats:
        """What each task costs on average, (n,)."""
        return _mixed([(policy.costs, share) for policy, share in self.shares])


@dataclass(frozen=True, slots=True)
class Beyond:
    """How far a policy lies above a frontier, at its own cost.

    Args:
        mixture: What the same money buys on the frontier.
        accuracy: Of the mixture.
        gain: Accuracy less that of the mixture, with its interval.
    """

    mixture: Mixture
    accuracy: float
    gain: Interval


def corners(policies: Sequence[Policy]) -> list[Policy]:
    """Return the policies at the corners of the frontier, costs and accuracies rising.

    Args:
        policies: Of the same tasks, all known; of equal ones the first is taken.
    """
    if not policies:
        return []
    points = [policy.point for policy in policies]
    costs, right = np.array(points).T
    at_corners = zip(*(axis.tolist() for axis in hull(costs, right)), strict=True)
    return [policies[points.index(point)] for point in at_corners]


def mixture_at(policies: Sequence[Policy], budget: float) -> Mixture | None:
    """Return what a mean cost buys on the frontier; ``None`` where every policy costs more.

    Args:
        policies: Of the same tasks, all known.
        budget: Mean cost of a task. What is left of it beyond the best policy buys nothing.
    """
    found = corners(policies)
    costs = [policy.point[0] for policy in found]
    above = int(np.searchsorted(costs, budget, side="right"))
    if not above:
        return None
    lower = found[above - 1]
    if above == len(found):
        return Mixture(((lower, 1.0),), 0.0)
    upper = found[above]
    (low, less), (high, more) = lower.point, upper.point
    share = (budget - low) / (high - low)
    shares = ((lower, 1.0 - share), (upper, share)) if share else ((lower, 1.0),)
    return Mixture(shares, (more - less) / (high - low))


def beyond(ours: Policy, policies: Sequence[Policy], *, seed: int = 0) -> Beyond | None:
    """Return how far a policy lies above the frontier of others, with a paired bootstrap interval.

    What is resampled is, of each task, the difference in accuracy less the difference in cost at
    the frontier's own rate (a net benefit: Stinnett and Mullahy 1998). The frontier is the lower
    envelope of such rates, so errors in corners and rate matter in the second order only
    (Danskin 1967): the interval heeds that costs are uncertain as accuracies are. Corners were
    chosen on the same tasks, which flatters the frontier, never the policy.

    Args:
        ours: The policy.
        policies: The frontier's, of the same tasks; it may be among them.
        seed: Of the resamples.

    Returns:
        ``None`` where every one of them costs more, or no task is known under all.
    """
    kept = known([ours, *policies])
    if not kept.any():
        return None
    ours, *policies = (rows(policy, kept) for policy in (ours, *policies))
    mixture = mixture_at(policies, ours.point[0])
    if mixture is None:
        return None
    gains = ours.right - mixture.right - mixture.slope * (ours.costs - mixture.costs)
    return Beyond(mixture, float(mixture.right.mean()), bootstrap(gains, seed=seed))


def known(policies: Sequence[Policy]) -> Bools:
    """Return which tasks are known under all policies, (n,)."""
    found: Bools = np.logical_and.reduce([np.isfinite(policy.right) for policy in policies])
    return found


def rows(policy: Policy, kept: Bools) -> Policy:
    """Return a policy on some of the tasks."""
    return Policy(policy.name, policy.right[kept], policy.costs[kept])


def _mixed(parts: Sequence[tuple[Floats, float]]) -> Floats:
    mixed: Floats = np.sum([values * share for values, share in parts], axis=0)
    return mixed
