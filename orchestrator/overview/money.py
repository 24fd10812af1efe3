"""What a request cost, by part: read, found in the vendor's cache, written, thought. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from experts.catalogue.expert import Price
from experts.pricing import applying, rates_of
from experts.providers.protocol import Usage

_ATTOS_PER_USD = 10**18
_LEAST_NANOS = 1


class Money(BaseModel):
    """What a request cost by part, in US dollars."""

    input_usd: float = Field(description="For what was read and not found in the vendor's cache.")
    cached_input_usd: float
    cache_write_usd: float
    output_usd: float = Field(description="For what was written, reasoning aside.")
    reasoning_usd: float
    total_usd: float = Field(description="As it was booked.")
    exact: bool = Field(
        description="Whether the parts, by the prices of the entries that were called, make the total."
    )


def money_of(
    calls: Sequence[Mapping[str, Any]],
    prices: Mapping[tuple[str, int | None], Price],
    total_nanos: int,
) -> Money:
    """Return what calls cost by part.

    Args:
        calls: As a usage record lists them.
        prices: Of the versions of experts that were called, as far as they are known.
        total_nanos: What they cost together, in billionths of a US dollar.
    """
    parts = [0, 0, 0, 0, 0]
    unknown = False
    for call in calls:
        price = prices.get((str(call.get("expert")), call.get("version")))
        if price is None:
            unknown = unknown or bool(call.get("cost_nanos"))
            continue
        parts = [part + more for part, more in zip(parts, _parts(call, price), strict=True)]
    off = abs(sum(parts) // 10**9 - total_nanos)
    names = ("input_usd", "cached_input_usd", "cache_write_usd", "output_usd", "reasoning_usd")
    return Money(
        **{name: part / _ATTOS_PER_USD for name, part in zip(names, parts, strict=True)},
        total_usd=total_nanos / 1e9,
        exact=not unknown and off <= _LEAST_NANOS * max(len(calls), 1),
    )


def _parts(call: Mapping[str, Any], price: Price) -> list[int]:
    """Return the parts of a call in attodollars."""

    def tokens(name: str) -> int:
        return int(call.get(f"{name}_tokens") or 0)

    cached, written, thought = tokens("cached"), tokens("cache_write"), tokens("reasoning")
    usage = Usage(
        tokens("prompt"), tokens("completion"), service_tier=str(call.get("service_tier") or "")
    )
    rates = rates_of(applying(usage, price))
    return [
        (usage.prompt_tokens - cached - written) * rates.input,
        cached * rates.cached_input,
        written * rates.cache_write,
        (usage.completion_tokens - thought) * rates.output,
        thought * rates.reasoning,
    ]
