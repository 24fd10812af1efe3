"""The manager on a real event loop: requests wait for their model, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from experts.errors import ExpertFailed, ExpertMisconfigured, ExpertUnreachable
from experts.residency.manager import ModelInUse, NoRoomToPin, ResidencyManager
from experts.residency.policy.values import Rules
from experts.residency.views import Place

MakeManager = Callable[..., ResidencyManager]


class Shelf:
    """A memory that models are put into, and that says when there is too much in it."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self.held: dict[str, int] = {}
        self.log: list[str] = []

    def put(self, name: str, size: int) -> None:
        self.held[name] = size
        assert sum(self.held.values()) <= self.capacity


class Fake:
    """A model that takes its time to come and go."""

    def __init__(self, shelf: Shelf, name: str, size: int = 1) -> None:
        self.shelf, self.name, self.bytes = shelf, name, size
        self.fails: Exception | None = None
        self.measured: int | None = None
        self.load_seconds = 0.002

    async def size(self) -> int:
        await asyncio.sleep(0)
        return self.bytes

    async def is_loaded(self) -> bool:
        return self.name in self.shelf.held

    async def place(self) -> Place:
        return "disk"

    async def load(self) -> int | None:
        self.shelf.put(self.name, self.bytes)
        await asyncio.sleep(self.load_seconds)
        if self.fails:
            del self.shelf.held[self.name]
            raise self.fails
        self.shelf.log.append(f"+{self.name}")
        return self.measured

    async def unload(self) -> None:
        await asyncio.sleep(0.001)
        self.shelf.log.append(f"-{self.name}")
        del self.shelf.held[self.name]
        if self.fails:
            raise self.fails


@pytest.fixture
async def make_manager() -> AsyncIterator[MakeManager]:
    """Make managers; afterwards no task is left."""
    async with AsyncExitStack() as stack:

        def make(capacity: float, **rules: object) -> ResidencyManager:
            manager = ResidencyManager(Rules(capacity, **{"prefetch": 2.0, **rules}))  # type: ignore[arg-type]
            stack.push_async_callback(manager.aclose)
            return manager

        yield make
    left = [task for task in asyncio.all_tasks() if "ResidencyManager" in repr(task.get_coro())]
    assert not left


async def use(manager: ResidencyManager, model: Fake, seconds: float = 0.0) -> None:
    async with manager.hold(model.name, model, expert="e"):
        assert model.name in model.shelf.held
        await asyncio.sleep(seconds)
        assert model.name in model.shelf.held


async def test_requests_are_grouped_by_model(make_manager: MakeManager) -> None:
    shelf = Shelf(2)
    models = [Fake(shelf, name) for name in "abcdef"]
    manager = make_manager(2, slots=2)
    await asyncio.gather(*(use(manager, models[n % 6], 0.001) for n in range(60)))
    loads = [entry for entry in shelf.log if entry.startswith("+")]
    assert sorted(loads) == [f"+{name}" for name in "abcdef"], "each is loaded once for all"
    views = {view.name: view for view in (await manager.view())}
    assert {views[name].loads for name in "abcdef"} == {1}
    assert sum(view.state == "loaded" for view in views.values()) == 2
    assert all((view.in_use, view.waiting) == (0, 0) for view in views.values())


async def test_nobody_starves_behind_a_busy_model(make_manager: MakeManager) -> None:
    shelf = Shelf(1)
    busy, rare = Fake(shelf, "busy"), Fake(shelf, "rare")
    manager = make_manager(1, slots=2, max_wait=0.1)
    clock = asyncio.get_running_loop().time
    await use(manager, busy)
    done = False

    async def keep_busy() -> None:
        while not done:
            await use(manager, busy, 0.005)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(keep_busy())
        await asyncio.sleep(0.02)
        began = clock()
        await use(manager, rare)
        waited = clock() - began
        done = True
    assert "-busy" in shelf.log
    assert 0.03 < waited < 0.5, "it waits for the sake of the busy one, and not for ever"


async def test_those_who_go_away_while_they_wait_or_are_answered_leave_nothing(
    make_manager: MakeManager,
) -> None:
    shelf = Shelf(1)
    one, two = Fake(shelf, "one"), Fake(shelf, "two")
    manager = make_manager(1, slots=1, max_wait=5.0)
    holding = asyncio.create_task(use(manager, one, 10.0))
    await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(use(manager, model)) for model in (one, two, two)]
    await asyncio.sleep(0.01)
    for task in (*waiting, holding):
        task.cancel()
    await asyncio.gather(*waiting, holding, return_exceptions=True)
    assert all((view.in_use, view.waiting) == (0, 0) for view in (await manager.view()))
    await use(manager, two)
    assert shelf.log == ["+one", "-one", "+two"]


@pytest.mark.parametrize("turns", range(12))
async def test_a_caller_that_goes_away_at_any_step_leaves_nothing(
    make_manager: MakeManager, turns: int
) -> None:
    shelf = Shelf(1)
    one, two = Fake(shelf, "one"), Fake(shelf, "two")
    manager = make_manager(1, slots=1)
    await use(manager, one)
    task = asyncio.create_task(use(manager, two))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(2):
        await asyncio.gather(use(manager, one), use(manager, two))


async def test_a_load_that_fails_is_told_to_all_who_wait_and_tried_anew(
    make_manager: MakeManager,
) -> None:
    shelf = Shelf(1)
    model = Fake(shelf, "broken")
    manager = make_manager(1)
    model.fails = ExpertFailed("no", expert="e")
    told = await asyncio.gather(*(use(manager, model) for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in told] == ["no"] * 3
    assert len({id(error) for error in told}) == 3, "each caller has an error of its own"
    model.fails = None
    await use(manager, model)
    assert shelf.log == ["+broken"]


async def test_what_is_larger_than_the_budget_is_refused_at_once(make_manager: MakeManager) -> None:
    with pytest.raises(ExpertMisconfigured, match="COE_RESIDENCY_BUDGET"):
        await use(make_manager(10), Fake(Shelf(99), "large", 11))


async def test_sizes_are_as_measured_and_one_that_turned_out_too_large_is_loaded_alone(
    make_manager: MakeManager,
) -> None:
    shelf = Shelf(99)
    grows, small = Fake(shelf, "grows", 4), Fake(shelf, "small", 4)
    grows.measured = 12
    manager = make_manager(10)
    await use(manager, small)
    await use(manager, grows)
    await asyncio.sleep(0.01)
    assert shelf.log == ["+small", "+grows", "-small"]
    await use(manager, small)
    await use(manager, grows)
    assert shelf.log[3:] == ["-grows", "+small", "-small", "+grows"]


async def test_what_is_loaded_already_is_not_loaded_again(make_manager: MakeManager) -> None:
    shelf = Shelf(1)
    shelf.put("there", 1)
    await use(make_manager(1), Fake(shelf, "there"))
    assert shelf.log == []


async def test_a_server_that_cannot_be_told_to_unload_shuts_nobody_out(
    make_manager: MakeManager, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(1)
    stubborn, other = Fake(shelf, "stubborn"), Fake(shelf, "other")
    manager = make_manager(1)
    await use(manager, stubborn)
    stubborn.fails = ExpertUnreachable("gone")
    await use(manager, other)
    assert "stubborn could not be unloaded: gone" in caplog.text


async def test_what_is_likely_to_be_wanted_is_loaded_ahead(make_manager: MakeManager) -> None:
    shelf = Shelf(2)
    popular, rare, other = (Fake(shelf, name) for name in ("popular", "rare", "other"))
    for model in (popular, rare, other):
        model.load_seconds = 0.05  # What a load takes counts, and is measured.
    manager = make_manager(2, prefetch=0.05, slots=9)
    for _ in range(400):
        await use(manager, popular)
    await use(manager, rare)
    async with manager.hold("other", other, expert="e"), manager.hold("rare", rare, expert="e"):
        assert "popular" not in shelf.held
    # Looked at once a second at most; the times since are what decides, and they need to pass.
    async with asyncio.timeout(10):
        while "popular" not in shelf.held:
            await asyncio.sleep(0.3)
            await use(manager, other)
    assert shelf.log.count("+popular") == 2


async def test_closing_sends_away_whoever_waits(make_manager: MakeManager) -> None:
    shelf = Shelf(1)
    one, two = Fake(shelf, "one"), Fake(shelf, "two")
    manager = make_manager(1, max_wait=math.inf)
    async with manager.hold("one", one, expert="e"):
        waiting = asyncio.create_task(use(manager, two))
        await asyncio.sleep(0.01)
        await manager.aclose()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    assert set(shelf.held) == {"one"}, "what is loaded is not the manager's"
    with pytest.raises(ExpertMisconfigured, match="shut down"):
        await use(manager, one)


async def test_the_category_that_the_router_found_counts(make_manager: MakeManager) -> None:
    shelf = Shelf(9)
    one, two = Fake(shelf, "one"), Fake(shelf, "two")
    manager = make_manager(9)
    for model in (one, two):
        async with manager.hold(model.name, model, expert="e", category="law"):
            pass
    kinds = manager._scheduler._traffic._by_kind
    assert list(kinds) == ["category law"]
    assert set(kinds["category law"].shares()) == {"one", "two"}


async def test_pinned_models_stay_and_nobody_waits_for_room_that_never_comes(
    make_manager: MakeManager,
) -> None:
    shelf = Shelf(3)
    pinned, other, large = Fake(shelf, "pinned", 2), Fake(shelf, "other"), Fake(shelf, "large", 3)
    manager = make_manager(3)
    await use(manager, pinned)
    manager.pin("pinned")
    await use(manager, other)
    with pytest.raises(ExpertMisconfigured, match="there are 1 beside pinned models"):
        await use(manager, large)
    await use(manager, Fake(shelf, "more"))
    with pytest.raises(NoRoomToPin, match="'more'"):
        manager.pin("other")
    with pytest.raises(ModelInUse, match="pinned"):
        await manager.unload("pinned")
    manager.unpin("pinned")
    await use(manager, large)
    assert set(shelf.held) == {"large"}


async def test_a_model_in_use_is_not_unloaded_and_one_that_was_does_not_come_back_unasked(
    make_manager: MakeManager,
) -> None:
    shelf = Shelf(2)
    model, other = Fake(shelf, "model"), Fake(shelf, "other")
    manager = make_manager(2, prefetch=0.0)
    async with manager.hold("model", model, expert="e"):
        with pytest.raises(ModelInUse, match="answers"):
            await manager.unload("model")
    await manager.unload("model")
    assert shelf.held == {}
    await use(manager, other)
    await asyncio.sleep(0.01)
    assert set(shelf.held) == {"other"}, "there is room, and it is likely to be wanted"
    await use(manager, model)
    assert set(shelf.held) == {"other", "model"}


async def test_a_model_that_cannot_be_unloaded_for_any_reason_shuts_nobody_out(
    make_manager: MakeManager,
) -> None:
    shelf = Shelf(1)
    odd, other = Fake(shelf, "odd"), Fake(shelf, "other")
    manager = make_manager(1)
    await use(manager, odd)
    odd.fails = ZeroDivisionError("made to break")
    await use(manager, other)
    await use(manager, other)
