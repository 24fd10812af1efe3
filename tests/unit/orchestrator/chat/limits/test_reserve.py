"""What is reserved for a request: the most it is expected to use, at the expert's price."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.catalogue.expert import Expert, Price
from experts.counting.habits import Habit
from experts.providers.protocol import Usage
from orchestrator.chat.reserve import answer_tokens, ask_of
from orchestrator.kit.ids import new_request_id
from orchestrator.tenants.keys import Principal, Role

PRINCIPAL = Principal("key_a", "a key", "acme", Role.USER)


def expert(**fields: Any) -> Expert:
    entry = {"id": "one", "provider": "scripted", "context_window": 10_000, **fields}
    return Expert.model_validate(entry)


def raw(**fields: Any) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()}


@pytest.mark.parametrize(
    ("fields", "parameters", "tokens"),
    [
        ({}, {}, 500),
        ({"max_tokens": 70}, {"max_tokens": 90}, 70),
        ({"max_tokens": 70, "max_completion_tokens": 80}, {}, 80),
        ({}, {"max_tokens": 90}, 90),
        ({"max_tokens": 70, "n": 3}, {}, 210),
        ({"max_tokens": 50_000}, {}, 9_900),  # no answer is longer than the context
        ({"max_tokens": None, "n": None}, {}, 500),
        # What an expert will refuse anyway does no harm here.
        ({"max_tokens": "many", "n": -1}, {}, 500),
        ({"max_tokens": True}, {}, 500),
        ({"max_tokens": 1.5}, {}, 500),
    ],
)
def test_the_most_an_answer_may_have(
    fields: dict[str, Any], parameters: dict[str, Any], tokens: int
) -> None:
    assert answer_tokens(raw(**fields), expert(parameters=parameters), 100, 500) == tokens


def test_what_a_request_needs() -> None:
    priced = expert(price=Price(input=2.0, output=10.0), system_prompt="x" * 400)
    request_id = new_request_id()
    ask = ask_of(request_id, PRINCIPAL, priced, 100, raw(max_tokens=50), 500, Habit())
    assert (ask.request_id, ask.tenant, ask.key_id) == (request_id, "acme", "key_a")
    assert (ask.tokens, ask.least_tokens) == (100 + 100 + 50, 100)
    assert ask.nanos == 200 * 2_000 + 50 * 10_000
    assert ask.least == ask.nanos


def test_it_is_foreseen_by_how_the_expert_counts() -> None:
    habit, entry = Habit(), expert(price=Price(input=2.0, output=10.0), system_prompt="x" * 400)
    for number in range(60):
        habit.foresaw(100 + number, Usage(2 * (100 + number), 0))
    ask = ask_of(new_request_id(), PRINCIPAL, entry, 100, raw(max_tokens=50), 500, habit)
    assert ask.tokens == pytest.approx(2 * 200 + 50, abs=4)
    assert ask.least_tokens == 100  # what is refused as too long is not refused for a guess
    assert ask.nanos == (ask.tokens - 50) * 2_000 + 50 * 10_000


def test_the_tier_of_service_asked_for_is_reserved() -> None:
    price = {
        "input": 2,
        "output": 10,
        "tiers": [{"above": 1000, "input": 4, "output": 20}],
        "service_tiers": [
            {"name": "priority", "input": 3, "output": 15},
            {"name": "flex", "input": 1, "output": 5},
        ],
    }

    def nanos(prompt: int, parameters: dict[str, Any] | None = None, **fields: Any) -> int:
        entry = expert(price=price, parameters=parameters or {})
        asked = raw(max_tokens=100, **fields)
        return ask_of(new_request_id(), PRINCIPAL, entry, prompt, asked, 500, Habit()).nanos

    assert nanos(1000) == 1000 * 2_000 + 100 * 10_000
    assert nanos(1001) == 1001 * 4_000 + 100 * 20_000
    dearer = 1000 * 3_000 + 100 * 15_000
    assert nanos(1000, service_tier="priority") == dearer
    assert nanos(1000, {"service_tier": "priority"}) == dearer
    # A vendor may answer at its usual tier all the same.
    assert nanos(1000, service_tier="flex") == nanos(1000, service_tier=7) == nanos(1000)


@given(*[st.integers(0, 10_000)] * 4, *[st.floats(0, 100)] * 4)
def test_no_way_of_counting_costs_more(
    prompt: int,
    answer: int,
    cached: int,
    thought: int,
    input_price: float,
    output_price: float,
    cache_write: float,
    reasoning: float,
) -> None:
    from experts.pricing import cost_in_nanos, most_in_nanos

    price = Price(
        input=input_price, output=output_price, cache_write=cache_write, reasoning=reasoning
    )
    usage = Usage(
        prompt,
        answer,
        cache_write_tokens=min(cached, prompt),
        reasoning_tokens=min(thought, answer),
    )
    most = most_in_nanos(prompt, answer, price)
    assert cost_in_nanos(usage, price) <= most
