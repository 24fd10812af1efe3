"""What a call costs: exact, in whole billionths of a US dollar, rounded in one place.

Prices are decimal numbers of US dollars per million tokens, so a token's price is a whole number of
attodollars (1e-18) up to twelve decimals of a price. A call's tokens are priced in those, added up
without loss, and rounded once, half to even. Everything larger (the attempts of a request, the
steps of a run, a day, an invoice) is a sum of such whole numbers, so parts always add up.

A prompt that exceeds a tier's length puts the whole call at that tier's prices, the answer too: so
vendors bill it (https://ai.google.dev/gemini-api/docs/pricing,
https://platform.claude.com/docs/en/about-claude/pricing).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from experts.catalogue import expert as catalogue
from experts.catalogue.expert import Price, TieredRates
from experts.providers.protocol import Usage

NANOS_PER_USD = 1_000_000_000
_ATTOS_PER_NANO = 1_000_000_000
_ATTOS_PER_TOKEN = Decimal(10**12)  # of one US dollar per million tokens


@dataclass(frozen=True, slots=True)
class Rates:
    """Attodollars per token of each kind; see :class:`experts.catalogue.expert.Rates`."""

    input: int
    output: int
    cached_input: int
    cache_write: int
    reasoning: int


@lru_cache(maxsize=4096)
def rates_of(price: catalogue.Rates) -> Rates:
    """Return prices as whole numbers, what is left open filled in."""
    return Rates(
        input=_attos(price.input),
        output=_attos(price.output),
        cached_input=_attos(price.input if price.cached_input is None else price.cached_input),
        cache_write=_attos(price.input if price.cache_write is None else price.cache_write),
        reasoning=_attos(price.output if price.reasoning is None else price.reasoning),
    )


def applying(usage: Usage, price: Price) -> catalogue.Rates:
    """Return the prices that hold for a call: by its tier of service, then by its prompt's length.

    A tier of service that has no price of its own is billed as any other.
    """
    stated: TieredRates = next(
        (tier for tier in price.service_tiers if tier.name == usage.service_tier), price
    )
    exceeded = [tier for tier in stated.tiers if usage.prompt_tokens > tier.above]
    return exceeded[-1] if exceeded else stated


def cost_in_nanos(usage: Usage, price: Price) -> int:
    """Return what a call's tokens cost.

    Args:
        usage: Its tokens; those with a price of their own are parts of the others.
        price: Of the expert's version that was called.

    Returns:
        Billionths of a US dollar, rounded half to even.
    """
    rates = rates_of(applying(usage, price) if price.tiers or price.service_tiers else price)
    cached, written = usage.cached_tokens, usage.cache_write_tokens
    attos = (
        (usage.prompt_tokens - cached - written) * rates.input
        + cached * rates.cached_input
        + written * rates.cache_write
        + (usage.completion_tokens - usage.reasoning_tokens) * rates.output
        + usage.reasoning_tokens * rates.reasoning
    )
    return divided(attos, _ATTOS_PER_NANO)


def most_in_nanos(
    prompt_tokens: int, completion_tokens: int, price: Price, service_tier: str = ""
) -> int:
    """Return the most that so many tokens cost, in billionths of a US dollar.

    Tokens written to a cache, or thought, may have prices of their own; and a vendor may answer at its
    usual tier of service where another was asked for.

    Args:
        prompt_tokens: Read.
        completion_tokens: Written.
        price: Of the expert.
        service_tier: The tier that is asked for, if any is.
    """
    stated: set[catalogue.Rates] = {price}
    if price.tiers or price.service_tiers:
        asked = (Usage(prompt_tokens, 0, service_tier=tier) for tier in {"", service_tier})
        stated = {applying(each, price) for each in asked}
    return divided(
        max(
            prompt_tokens * max(rates.input, rates.cache_write)
            + completion_tokens * max(rates.output, rates.reasoning)
            for rates in map(rates_of, stated)
        ),
        _ATTOS_PER_NANO,
    )


def nanos_of(usd: float) -> int:
    """Return an amount that was made of whole nanodollars as those, exact up to a million dollars."""
    return round(usd * NANOS_PER_USD)


def usd_of(nanos: int) -> float:
    """Return an amount in US dollars, for what does not add it up; see :func:`nanos_of`."""
    return nanos / NANOS_PER_USD


def usd_text(nanos: int) -> str:
    """Return an amount in US dollars as a plain decimal without loss, such as ``0.00000345``."""
    whole, rest = divmod(abs(nanos), NANOS_PER_USD)
    digits = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return f"-{digits}" if nanos < 0 else digits


def divided(amount: int, by: int) -> int:
    """Return a quotient of whole numbers, rounded half to even."""
    quotient, rest = divmod(amount, by)
    return quotient + (2 * rest > by or (2 * rest == by and quotient % 2 == 1))


def _attos(price: float) -> int:
    # A float's shortest text is the decimal number that the operator wrote.
    return round(Decimal(repr(price)) * _ATTOS_PER_TOKEN)
