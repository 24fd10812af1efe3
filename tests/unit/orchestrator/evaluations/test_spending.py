"""What may be spent: waited for, held for a second try, bounded whatever a tokenizer does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from experts.calling.call import ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.catalogue.expert import Expert
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage
from orchestrator.evaluations.asking import LocalAsker, Question
from orchestrator.evaluations.purse import Purse


def expert(**fields: Any) -> Expert:
    return Expert.model_validate({"id": "e", "provider": "scripted", **fields})


async def test_calls_under_way_are_waited_for_since_they_come_to_less() -> None:
    purse, at_once, most_at_once = Purse(limit=100), 0, 0

    async def ask() -> bool:
        nonlocal at_once, most_at_once
        async with purse.set_aside(60) as allowance:
            if allowance is None:
                return False
            at_once += 1
            most_at_once = max(most_at_once, at_once)
            await asyncio.sleep(0)
            at_once -= 1
            allowance.paid = 10
            return True

    asked = await asyncio.gather(*[ask() for _ in range(8)])
    assert most_at_once == 1, "two of them might come to more than there is"
    assert sum(asked) == 5, "the sixth might come to 110"
    assert (purse.spent, purse.reserved, purse.refused) == (50, 0, True)


async def test_what_is_cancelled_gives_back_what_was_held() -> None:
    purse = Purse(limit=10)

    async def ask() -> None:
        async with purse.set_aside(10):
            await asyncio.sleep(60)

    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(ask())
    await asyncio.sleep(0)
    assert purse.reserved == 10
    for each in (task, waiting):
        each.cancel()
    await asyncio.gather(task, waiting, return_exceptions=True)
    async with purse.set_aside(10) as allowance:
        assert allowance is not None
        assert not allowance.again(), "a second try would come to 20"


@pytest.mark.parametrize(("limit", "tries"), [(None, 2), (0, 1)])
async def test_an_expert_that_failed_is_asked_again_only_if_that_can_be_paid(
    limit: int | None, tries: int
) -> None:
    """The first try is held already: the limit is that of what is left."""
    purse, asked = Purse(limit), []
    providers = ProviderRegistry()
    caller = ExpertCaller(providers, lambda _: "")
    failing = expert(model="fail:503")
    question = Question(failing, ({"role": "user", "content": "Hi"},), {"max_tokens": 5})

    def again() -> bool:
        asked.append(1)
        return purse.hold(1)

    reply = await LocalAsker(caller, timeout=20.0).ask(question, again)
    await caller.aclose()
    assert "503" in reply.error
    assert len(asked) == 1
    assert purse.reserved == tries - 1


@pytest.mark.parametrize(
    "price",
    [
        {"input": 3.0, "output": 15.0},
        {"input": 3.0, "output": 15.0, "cache_write": 3.75},
        {"input": 1.0, "output": 2.0, "reasoning": 8.0},
    ],
)
def test_the_most_bounds_whatever_is_billed(price: dict[str, float]) -> None:
    told = expert(price=price, system_prompt="Sei kurz. " * 5)
    question = Question(told, ({"role": "user", "content": "Größe? 𒀀𒀁𒀂"},), {"max_tokens": 10})
    letters = len(("Sei kurz. " * 5 + "Größe? 𒀀𒀁𒀂").encode())
    worst = Usage(letters + 20, 10, cache_write_tokens=letters + 20, reasoning_tokens=10)
    assert question.most(10) >= cost_in_nanos(worst, told.price)
    assert question.most(10) > question.cost(10)
