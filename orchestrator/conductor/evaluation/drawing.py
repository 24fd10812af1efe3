"""Accuracy over cost as inline SVG: points with their intervals, and the hull of the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from router.evaluation import svg

Style = Literal["ours", "peer"]
"""``peer`` is a baseline's. The style sheet of the page has the colours."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One way to answer.

    Args:
        name: Written beside it where there is room, and under the pointer.
        cost: Mean of a task, in the unit of the axis.
        accuracy: Likewise, 0 to 1.
        style: See there.
        costs: Interval of the cost.
        accuracies: Interval of the accuracy.
        minor: Drawn small, without its name.
    """

    name: str
    cost: float
    accuracy: float
    style: Style = "ours"
    costs: svg.Pair | None = None
    accuracies: svg.Pair | None = None
    minor: bool = False

    @property
    def at(self) -> svg.Pair:
        """Its place."""
        return self.cost, self.accuracy


def drawn(spots: Sequence[Spot], hull: Sequence[svg.Pair], x_label: str) -> str:
    """Return the plot.

    Args:
        spots: At least one.
        hull: Corners of the frontier, costs rising; beyond the last it goes on level.
        x_label: What costs are counted in.
    """
    across = [end for spot in spots for end in (spot.cost, *(spot.costs or ()))]
    up = [end for spot in spots for end in (spot.accuracy, *(spot.accuracies or ()))]
    x = svg.padded([0.0, *across, *(cost for cost, _ in hull)])
    y = svg.padded([*up, *(accuracy for _, accuracy in hull)])
    plot = svg.Plot(x, y, x_label, "accuracy", "Accuracy over cost", height=380)
    for spot in spots:
        for low, high in _whiskers(spot):
            plot.line([low, high], f"whisker {spot.style}")
    if hull:
        plot.line([*hull, (x[1], hull[-1][1])], "hull")
    for spot in spots:
        hint = f"{spot.name}: {spot.accuracy:.3f} at {spot.cost:.3g}"
        plot.dot(spot.at, spot.style, hint, 2.5 if spot.minor else 4.5)
    for spot in sorted(spots, key=lambda spot: -spot.accuracy):
        if not spot.minor:
            plot.label(spot.at, svg.shorten(spot.name, 24))
    return plot.render()


def _whiskers(spot: Spot) -> list[tuple[svg.Pair, svg.Pair]]:
    found = []
    if spot.accuracies is not None:
        low, high = spot.accuracies
        found.append(((spot.cost, low), (spot.cost, high)))
    if spot.costs is not None:
        low, high = spot.costs
        found.append(((low, spot.accuracy), (high, spot.accuracy)))
    return found
