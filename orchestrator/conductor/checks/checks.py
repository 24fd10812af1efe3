"""Which checks a task's answer has to pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from orchestrator.conductor.checks.equations import wrong_equations
from orchestrator.conductor.checks.pattern import missed_pattern
from orchestrator.conductor.checks.schema import schema_faults
from orchestrator.conductor.checks.units import wrong_quantities

MOST_CHARACTERS = 100_000
"""A longer answer is not checked."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What an answer has to pass before any expert is asked about it.

    Args:
        patterns: Regular expressions, each to be found in it.
        schemas: JSON schemas that it has to fit, as a whole.
        equations: Whether the arithmetic in it has to be right.
        units: Whether quantities in it have to be equal where it says so.
    """

    patterns: tuple[str, ...] = ()
    schemas: tuple[dict[str, Any], ...] = field(default=(), hash=False)
    equations: bool = False
    units: bool = False

    def __bool__(self) -> bool:
        """Tell whether there is anything to be checked."""
        return bool(self.patterns or self.schemas or self.equations or self.units)

    def faults(self, answer: str) -> tuple[str, ...]:
        """Return what is wrong with an answer, each in a sentence; empty where it passes."""
        if not self or len(answer) > MOST_CHARACTERS:
            return ()
        return tuple(self._found(answer))

    def _found(self, answer: str) -> Iterator[str]:
        for pattern in self.patterns:
            yield from missed_pattern(answer, pattern)
        for schema in self.schemas:
            yield from schema_faults(answer, schema)
        if self.equations:
            yield from wrong_equations(answer)
        if self.units:
            yield from wrong_quantities(answer)


NO_CHECKS = Checks()
