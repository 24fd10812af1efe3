from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.catalogue.expert import Price
from experts.pricing import cost_in_nanos, divided, nanos_of, usd_text
from experts.providers.protocol import Usage

_PRICES = st.decimals(0, 1000, places=6).map(float)
_OPTIONAL = st.none() | _PRICES
PRICES = st.builds(
    Price,
    input=_PRICES,
    output=_PRICES,
    cached_input=_OPTIONAL,
    cache_write=_OPTIONAL,
    reasoning=_OPTIONAL,
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    prompt = draw(st.integers(0, 100_000_000))
    answer = draw(st.integers(0, 100_000_000))
    cached = draw(st.integers(0, prompt))
    written = draw(st.integers(0, prompt - cached))
    return Usage(prompt, answer, cached, draw(st.integers(0, answer)), written)


def _exact(usage: Usage, price: Price) -> Fraction:
    """Nanodollars, by definition."""

    def part(tokens: int, usd: float | None, otherwise: float) -> Fraction:
        stated = otherwise if usd is None else usd
        return tokens * Fraction(str(stated)) * 1000

    return (
        part(
            usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens, None, price.input
        )
        + part(usage.cached_tokens, price.cached_input, price.input)
        + part(usage.cache_write_tokens, price.cache_write, price.input)
        + part(usage.completion_tokens - usage.reasoning_tokens, None, price.output)
        + part(usage.reasoning_tokens, price.reasoning, price.output)
    )


def test_cached_and_reasoning_tokens_have_their_own_price() -> None:
    price = Price(input=2.5, output=10, cached_input=1.25, cache_write=3.125, reasoning=12)
    usage = Usage(1000, 500, cached_tokens=600, reasoning_tokens=100, cache_write_tokens=200)
    assert cost_in_nanos(usage, price) == 200 * 2500 + 600 * 1250 + 200 * 3125 + 400 * 10000 + (
        100 * 12000
    )


def test_what_has_no_price_of_its_own_costs_what_it_is_a_part_of() -> None:
    price = Price(input=0.15, output=0.6)
    plain, parted = Usage(3, 5), Usage(3, 5, cached_tokens=2, reasoning_tokens=4)
    assert cost_in_nanos(plain, price) == cost_in_nanos(parted, price) == 3_450
    free = Price(input=0.15, output=0.6, cached_input=0.0)
    assert cost_in_nanos(parted, free) == 150 + 3_000


@given(usages(), PRICES)
def test_a_cost_is_the_exact_one_rounded_once(usage: Usage, price: Price) -> None:
    assert cost_in_nanos(usage, price) == round(_exact(usage, price))


@given(st.lists(usages(), min_size=1, max_size=30), PRICES)
def test_the_whole_is_the_sum_of_its_parts(calls: list[Usage], price: Price) -> None:
    """However calls are grouped, and within half a nanodollar a call of the vendor's own sum."""
    costs = [cost_in_nanos(call, price) for call in calls]
    assert sum(costs[::2]) + sum(costs[1::2]) == sum(costs)
    exact = sum((_exact(call, price) for call in calls), Fraction())
    assert abs(sum(costs) - exact) <= Fraction(len(calls), 2)


@given(st.lists(st.integers(0, 10**12), max_size=40))
def test_amounts_survive_a_float_of_dollars(nanos: list[int]) -> None:
    assert sum(nanos_of(each * 1e-9) for each in nanos) == sum(nanos)


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_division_rounds_half_to_even(amount: int, by: int) -> None:
    assert divided(amount, by) == round(Fraction(amount, by))


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0"),
        (3_450, "0.00000345"),
        (1_000_000_000, "1"),
        (-1_500_000_000, "-1.5"),
        (10**18 + 1, "1000000000.000000001"),
    ],
)
def test_amounts_are_written_without_loss(nanos: int, text: str) -> None:
    assert usd_text(nanos) == text
