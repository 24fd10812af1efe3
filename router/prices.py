"""What experts cost: money, time and parameters, as an operator states them in a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from router.data import DatasetInvalid
from router.decision import Candidate
from router.mapping import EXPECTED_ANSWER_TOKENS

_LARGEST = 1e9


@dataclass(frozen=True, slots=True)
class Price:
    """What one expert costs; ``None`` where nothing is known.

    Args:
        usd: US dollars a request, whatever its length; goes before the next two.
        price_in: US dollars per million prompt tokens.
        price_out: US dollars per million answer tokens.
        latency: Seconds an answer usually takes.
        active_parameters: Billions at work for a request.
        total_parameters: Billions that must be in memory; as the active ones where unknown.
    """

    usd: float | None = None
    price_in: float | None = None
    price_out: float | None = None
    latency: float | None = None
    active_parameters: float | None = None
    total_parameters: float | None = None

    @property
    def per_token(self) -> tuple[float, float] | None:
        """US dollars per million tokens of prompt and of answer; ``None`` without any price."""
        if self.usd is not None:
            return 0.0, self.usd * 1e6 / EXPECTED_ANSWER_TOKENS
        if self.price_in is None and self.price_out is None:
            return None
        return self.price_in or 0.0, self.price_out or 0.0

    def money(self, prompt_tokens: float) -> float | None:
        """Return the US dollars one request is expected to cost, as a router's pool expects it."""
        prices = self.per_token
        if prices is None:
            return None
        return 1e-6 * (prices[0] * prompt_tokens + prices[1] * EXPECTED_ANSWER_TOKENS)

    @property
    def resident(self) -> float | None:
        """Billions of parameters in memory."""
        known = [x for x in (self.active_parameters, self.total_parameters) if x is not None]
        return max(known) if known else None

    def candidate(self, expert: str) -> Candidate:
        """Return the expert as a router's pool takes it."""
        price_in, price_out = self.per_token or (0.0, 0.0)
        return Candidate(
            id=expert,
            price_in=price_in,
            price_out=price_out,
            active_parameters=self.active_parameters,
            latency=self.latency,
            total_parameters=self.total_parameters,
        )


def prices_from(document: object, source: str) -> dict[str, Price]:
    """Read prices by expert from a decoded JSON document.

    Args:
        document: Expert to an object of the fields of :class:`Price`.
        source: Where it came from, for messages.

    Raises:
        DatasetInvalid: Naming source, expert and field.
    """
    if not isinstance(document, Mapping):
        raise DatasetInvalid(f"{source}: not an object of prices by expert")
    return {str(name): _price(entry, f"{source}: {name!r}") for name, entry in document.items()}


def _price(entry: object, where: str) -> Price:
    known = [field.name for field in fields(Price)]
    if not isinstance(entry, Mapping):
        raise DatasetInvalid(f"{where}: not an object with some of {', '.join(known)}")
    unknown = sorted({str(name) for name in entry} - set(known))
    if unknown:
        raise DatasetInvalid(f"{where}: unknown {unknown[0]!r}; there are {', '.join(known)}")
    return Price(**{name: _number(value, f"{where}: {name}") for name, value in entry.items()})


def _number(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DatasetInvalid(f"{where}: {value!r} is not a number")
    if not (math.isfinite(value) and 0.0 <= value <= _LARGEST):
        raise DatasetInvalid(f"{where}: {value!r} is not a number from 0 to {_LARGEST:g}")
    return float(value)
