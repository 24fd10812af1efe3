"""What a caller may ask of the expert that answers one request."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.kit.errors import ApiError
from router import RouteRequest

_LARGEST = {"quality_floor": 1.0, "max_cost": math.inf, "max_latency": math.inf}
_RANGES = {
    "quality_floor": "a number from 0 to 1",
    "max_cost": "a number of US dollars, at least 0",
    "max_latency": "a number of seconds, at least 0",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The fields of a request's ``coe`` object that limit who may answer.

    Args:
        quality_floor: The cheapest expert expected to reach this quality (0..1) answers.
        max_cost: US dollars the answer may be expected to cost.
        max_latency: Seconds it may be expected to take.
    """

    quality_floor: float | None = None
    max_cost: float | None = None
    max_latency: float | None = None

    def applied(
        self, request: RouteRequest, request_id: str, allowed: frozenset[str] | None = None
    ) -> RouteRequest:
        """Return a request to be routed within these limits, and known by its id.

        Args:
            request: What it says.
            request_id: Its id.
            allowed: Ids of the experts that may answer, ``None``: all.
        """
        return replace(
            request,
            allowed=allowed,
            quality_floor=self.quality_floor,
            max_cost=self.max_cost,
            max_latency=self.max_latency,
            request_id=request_id,
        )


NO_LIMITS = Limits()


def checked_limits(extension: Mapping[str, Any] | None) -> Limits:
    """Read the limits of a request's ``coe`` object.

    Raises:
        ApiError: 400, naming the field that is not a number within its range.
    """
    if not extension:
        return NO_LIMITS
    return Limits(**{name: _number(extension.get(name), name) for name in _RANGES})


def _number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not (0.0 <= number <= _LARGEST[name] and math.isfinite(number)):
        field = f"coe.{name}"
        raise ApiError(400, "invalid_request", f"'{field}' must be {_RANGES[name]}.", param=field)
    return number
