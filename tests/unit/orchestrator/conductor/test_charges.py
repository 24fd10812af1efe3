"""What the steps of a run cost, however their calls end: the steps, the run and its record agree."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from experts.calling.call import CallRules, ExpertCaller
from experts.calling.registry import ProviderRegistry
from experts.counting.counter import counted
from experts.pricing import cost_in_nanos, nanos_of
from experts.providers.protocol import Usage
from orchestrator.conductor.charges import calls_of_steps
from orchestrator.conductor.events import Event
from orchestrator.conductor.experts import CatalogueExperts
from orchestrator.conductor.limits import Limits
from orchestrator.conductor.ports import MemoryLedger
from orchestrator.conductor.run import Run
from orchestrator.conductor.values import Ask, Step
from orchestrator.usage.record import token_fields

from .conftest import MakeRun, expert

PRICE = {"input": 1_000.0, "output": 3_000.0}
SAID = "one two three four five six seven eight"
MESSAGES = ({"role": "user", "content": "Say it."},)
SAY = Ask("say", "expert", MESSAGES, expert="e")
STREAMS = ["streaming"]


def check_sums(run: Run) -> None:
    """See that the run has spent what its steps cost, and that its record says the same."""
    nanos = sum(nanos_of(step.usd) for step in run.steps.values())
    tokens = sum(s.prompt_tokens + s.completion_tokens for s in run.steps.values())
    fields = token_fields(calls_of_steps(run.steps.values()))
    assert fields["cost_nanos"] == nanos
    assert fields["prompt_tokens"] + fields["completion_tokens"] == tokens
    assert (nanos_of(run.spent.usd), run.spent.tokens) == (nanos, tokens)


async def estimate(written: str = "") -> Usage:
    return await counted("echo", messages=MESSAGES, written=written)


def usage_of(step: Step) -> Usage:
    return Usage(step.prompt_tokens, step.completion_tokens, estimated=step.tokens_estimated)


@pytest.mark.parametrize(
    ("script", "written"),
    [
        (f"break_off|fixed:{SAID}", True),
        (f"error_midway|fixed:{SAID}", True),
        (f"hang_midway|fixed:{SAID}", True),
    ],
)
async def test_what_breaks_off_costs_what_was_read_and_written(
    make_run: MakeRun, script: str, written: bool
) -> None:
    entry = expert("e", script, price=PRICE, capabilities=STREAMS, model="echo")
    run = make_run("Say it.", entry, limits=Limits(usd=100.0))
    assert isinstance(run.experts, CatalogueExperts)
    run.experts = replace(run.experts, timeout=0.2)
    told: list[str] = []
    run.emit = lambda event: told.append(getattr(event, "text", ""))
    step = await run.ask(SAY)
    assert step.status == "failed"
    assert bool("".join(told)) is written
    expected = await estimate("".join(told))
    assert usage_of(step) == expected
    assert nanos_of(step.usd) == cost_in_nanos(expected, entry.price)
    assert step.expert_version == 1
    check_sums(run)


async def test_a_refusal_and_a_server_that_fails_cost_nothing(make_run: MakeRun) -> None:
    for script in ("fail:500", "refuse"):
        run = make_run("Say it.", expert("e", script, price=PRICE))
        step = await run.ask(SAY)
        assert (step.status, step.usd, step.prompt_tokens) == ("failed", 0.0, 0)
        check_sums(run)


async def test_the_run_s_own_limit_leaves_the_prompt_to_be_paid(make_run: MakeRun) -> None:
    entry = expert("e", "hang", price=PRICE, model="echo")
    run = make_run("Say it.", entry, limits=Limits(usd=100.0, seconds=0.2))
    step = await run.ask(SAY)
    assert step.status == "failed"
    assert usage_of(step) == await estimate()
    check_sums(run)


async def test_an_answer_costs_what_its_expert_counted(make_run: MakeRun) -> None:
    run = make_run("Say it.", expert("e", f"fixed:{SAID}", price=PRICE), limits=Limits(usd=100.0))
    step = await run.ask(SAY)
    assert (step.completion_tokens, step.tokens_estimated) == (8, False)
    check_sums(run)


async def test_what_went_before_the_answer_is_paid_for_too(make_run: MakeRun) -> None:
    """Two endpoints: the first breaks off before anything is passed on, the second answers."""
    entry = expert(
        "e",
        f"fixed:{SAID}",
        price=PRICE,
        endpoints=[{"url": "http://one.test/v1"}, {"url": "http://two.test/v1"}],
    )
    run = make_run("Say it.", entry, limits=Limits(usd=100.0))
    experts = run.experts
    assert isinstance(experts, CatalogueExperts)
    rules = CallRules(hedge=True, hedge_ratio=1.0)
    caller = ExpertCaller(ProviderRegistry(), lambda _: "", rules=rules)
    run.experts = CatalogueExperts(experts.catalogue, experts.router, caller, "run_hedged")
    for replica in caller.health.fleet(entry).replicas:
        for _ in range(50):
            replica.durations.note(0.0)  # whoever takes longer than this is raced
    slow = expert("e", f"delay:0.1|fixed:{SAID}", price=PRICE, endpoints=entry.endpoints)
    experts.catalogue.experts["e"] = slow  # type: ignore[index]
    step = await run.ask(SAY)
    await caller.aclose()
    assert step.status == "ok"
    lost = await estimate()
    assert step.prompt_tokens > lost.prompt_tokens
    assert step.completion_tokens == 8
    assert step.tokens_estimated
    answered = Usage(step.prompt_tokens - lost.prompt_tokens, 8)
    assert nanos_of(step.usd) == sum(cost_in_nanos(u, entry.price) for u in (lost, answered))
    check_sums(run)


async def test_a_call_that_is_cancelled_has_cost_what_it_wrote(make_run: MakeRun) -> None:
    entry = expert("e", f"pace:0.02|fixed:{SAID}", price=PRICE, capabilities=STREAMS, model="echo")
    run = make_run("Say it.", entry, limits=Limits(usd=100.0))
    told: list[str] = []
    enough = asyncio.Event()

    def tell(event: Event) -> None:
        told.append(getattr(event, "text", ""))
        if len("".join(told).split()) >= 3:
            enough.set()

    run.emit = tell
    asking = asyncio.create_task(run.ask(SAY))
    await enough.wait()
    (under_way,) = run.steps.values()
    assert under_way.prompt_tokens > 0  # whoever is asked now knows of the prompt
    asking.cancel()
    await asyncio.wait((asking,))
    assert asking.cancelled()
    (step,) = run.steps.values()
    assert step.status == "running"
    assert usage_of(step) == await estimate("".join(told))
    (call,) = calls_of_steps(run.steps.values())
    assert call["cost_nanos"] == nanos_of(step.usd) > 0


class Left(MemoryLedger):
    """Remembers what was given up, as a ledger does that outlives the process."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    async def given_up(self, key: str) -> Step | None:
        return self.step if key == self.step.key else None


async def test_a_step_that_is_begun_again_has_cost_both(make_run: MakeRun) -> None:
    before = Step(
        "say", 1, "expert", "", "running", "e",
        prompt_tokens=7, completion_tokens=2, usd=0.000_000_013, tokens_estimated=True,
    )  # fmt: skip
    entry = expert("e", f"fixed:{SAID}", price=PRICE)
    alone = await make_run("Say it.", entry, limits=Limits(usd=100.0)).ask(SAY)
    run = make_run("Say it.", entry, limits=Limits(usd=100.0), ledger=Left(before))
    step = await run.ask(SAY)
    assert step.prompt_tokens == alone.prompt_tokens + 7
    assert step.completion_tokens == alone.completion_tokens + 2
    assert nanos_of(step.usd) == nanos_of(alone.usd) + 13
    assert step.tokens_estimated
    check_sums(run)
