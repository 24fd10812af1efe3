from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.catalogue.expert import Price
from experts.pricing import applying, cost_in_nanos, divided, nanos_of, usd_text
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


TIERED = Price.model_validate(
    {
        "input": 2,
        "output": 6,
        "cached_input": 0.5,
        "tiers": [
            {"above": 128_000, "input": 3, "output": 9},
            {"above": 200_000, "input": 4, "output": 12, "cached_input": 1},
        ],
        "service_tiers": [
            {"name": "flex", "input": 1, "output": 3},
            {
                "name": "priority",
                "input": 5,
                "output": 15,
                "tiers": [{"above": 200_000, "input": 10, "output": 30}],
            },
        ],
    }
)


@pytest.mark.parametrize(
    ("prompt", "tier", "rates"),
    [
        (0, "", (2, 6)),
        (128_000, "", (2, 6)),
        (128_001, "", (3, 9)),
        (200_000, "", (3, 9)),
        (200_001, "", (4, 12)),
        (1_000_000, "default", (4, 12)),
        (1_000_000, "flex", (1, 3)),
        (200_000, "priority", (5, 15)),
        (200_001, "priority", (10, 30)),
    ],
)
def test_the_prompts_length_and_the_tier_of_service_decide(
    prompt: int, tier: str, rates: tuple[float, float]
) -> None:
    usage = Usage(prompt, 10, service_tier=tier)
    held = applying(usage, TIERED)
    assert (held.input, held.output) == rates
    assert cost_in_nanos(usage, TIERED) == prompt * rates[0] * 1000 + 10 * rates[1] * 1000


def test_a_longer_prompt_puts_all_of_a_call_at_its_tier() -> None:
    usage = Usage(200_001, 100, cached_tokens=200_000, reasoning_tokens=40)
    assert cost_in_nanos(usage, TIERED) == 1 * 4000 + 200_000 * 1000 + 100 * 12_000
    # What has no price of its own in a tier costs what it is a part of there, not what it did before.
    middle = Usage(150_000, 0, cached_tokens=150_000)
    assert cost_in_nanos(middle, TIERED) == 150_000 * 3000


@given(usages(), PRICES)
def test_a_tier_that_is_not_exceeded_changes_nothing(usage: Usage, price: Price) -> None:
    dearer = {"above": 100_000_000, "input": 999, "output": 999}
    tiered = Price.model_validate({**price.model_dump(), "tiers": [dearer]})
    assert cost_in_nanos(usage, tiered) == cost_in_nanos(usage, price)
