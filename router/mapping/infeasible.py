"""What is said of a budget that cannot be kept."""

from __future__ import annotations

from dataclasses import dataclass

from router.mapping.policy import Budget


@dataclass(frozen=True, slots=True)
class Violation:
    """One limit that cannot be kept.

    Args:
        constraint: Name of the limit, a field of :class:`Budget`.
        asked: What the budget says.
        nearest: The smallest value that can be kept together with the other limits.
    """

    constraint: str
    asked: float
    nearest: float


class InfeasibleBudget(Exception):
    """No mapping keeps to the budget.

    Args:
        asked: The budget.
        violations: The limits to be raised, all of them together.
    """

    def __init__(self, asked: Budget, violations: tuple[Violation, ...]) -> None:
        said = "; ".join(
            f"{v.constraint} is limited to {v.asked:.6g}, but at least {v.nearest:.6g} is needed"
            for v in violations
        )
        others = set(asked.limits()) - {v.constraint for v in violations}
        beside = f" (with the limits on {', '.join(sorted(others))} as they are)" if others else ""
        super().__init__(f"No mapping keeps to the budget: {said}{beside}.")
        self.asked = asked
        self.violations = violations

    @property
    def constraint(self) -> str:
        """The limit that cannot be kept, the first where there are several."""
        return self.violations[0].constraint

    @property
    def nearest(self) -> float:
        """The smallest value of that limit that can be kept."""
        return self.violations[0].nearest

    @property
    def nearest_budget(self) -> Budget:
        """The budget with those limits raised to what can be kept."""
        return self.asked.limited({v.constraint: v.nearest for v in self.violations})


class SolverTimedOut(Exception):
    """The solver found no mapping at all within its time limit."""
