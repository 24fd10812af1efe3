"""Who is asked after whom, how long each may take, and what is told of it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experts.calling.breaker import BreakerSettings
from experts.calling.health import ExpertHealth
from experts.calling.options import CallOptions
from experts.errors import (
    ContextTooLong,
    ExpertAnswerInvalid,
    ExpertError,
    ExpertFailed,
    ExpertMisconfigured,
    ExpertOverloaded,
    ExpertTimedOut,
    ExpertUnreachable,
    RequestRefused,
)
from experts.providers.protocol import Usage
from experts.providers.sse import DONE
from tests.unit.experts.calling.playing import (
    BODY,
    COUNTS,
    ENDS,
    MORE,
    ROLE,
    SAYS,
    STREAM,
    Clock,
    Playing,
    expert,
    make_caller,
    status,
)

A, B, C = expert("a"), expert("b"), expert("c")
BUSY = status(429, ExpertOverloaded)


async def streamed(caller: Any, experts: Any, options: CallOptions | None = None) -> bytes:
    async with await caller.stream(experts, {}, options) as stream:
        return b"".join([block async for block in stream])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (ExpertUnreachable("gone"), ["a", "a", "b"]),
        (status(500), ["a", "a", "b"]),
        (status(503, ExpertOverloaded), ["a", "a", "b"]),
        (status(429, ExpertOverloaded, retry_after=30.0), ["a", "b"]),
        (ExpertTimedOut("late"), ["a", "b"]),
        (ExpertAnswerInvalid("empty"), ["a", "b"]),
        (ExpertMisconfigured("no key"), ["a", "b"]),
        (KeyError("unforeseen"), ["a", "b"]),
    ],
)
async def test_another_expert_answers(error: Exception, asked: list[str], *, stream: bool) -> None:
    playing = Playing(a=[error], b=[STREAM if stream else BODY])
    caller, options = make_caller(playing), CallOptions()
    if stream:
        assert b"one" in await streamed(caller, [A, B, C], options)
    else:
        answer = await caller.complete([A, B, C], {}, options)
        assert (answer.expert, answer.body) == (B, BODY)
        assert answer.attempts is options.attempts
    assert playing.asked == asked
    outcomes = [(one.expert.id, one.outcome) for one in options.attempts]
    assert outcomes == [(name, "failed") for name in asked[:-1]] + [("b", "ok")]
    assert options.attempts[-1].usage == Usage(3, 2)
    assert {one.error for one in options.attempts[:-1]} == {getattr(error, "code", "expert_failed")}


async def test_what_is_refused_is_not_asked_again() -> None:
    playing = Playing(a=[RequestRefused("no")])
    with pytest.raises(RequestRefused) as caught:
        await make_caller(playing).complete([A, B], {})
    assert [one.outcome for one in caught.value.attempts] == ["refused"]
    assert playing.asked == ["a"]


async def test_a_fallback_that_refuses_leaves_it_to_the_next_and_does_not_hide_the_failure() -> (
    None
):
    playing = Playing(a=[ExpertTimedOut("late")], b=[RequestRefused("no")], c=[BODY])
    assert (await make_caller(playing).complete([A, B, C], {})).expert is C
    playing = Playing(a=[ExpertTimedOut("late")], b=[RequestRefused("no")])
    with pytest.raises(ExpertTimedOut):
        await make_caller(playing).complete([A, B], {})


async def test_too_long_for_one_goes_to_one_with_more_room() -> None:
    small, same = expert("a", context_window=10), expert("b", context_window=10)
    large = expert("c", context_window=11)
    playing = Playing(a=[ContextTooLong("too long")])
    assert (await make_caller(playing).complete([small, same, large], {})).expert is large
    assert playing.asked == ["a", "c"]
    with pytest.raises(ContextTooLong):
        await make_caller(playing).complete([small, same], {})


async def test_an_expert_alone_is_asked_again_and_its_other_endpoints_are() -> None:
    playing = Playing(a=[status(500), BODY])
    await make_caller(playing).complete(A, {})
    assert playing.asked == ["a", "a"]
    two = expert("e", "http://1", "http://2")
    playing = Playing(**{"e@http://1": [ExpertTimedOut("late")], "e@http://2": [BODY]})
    caller = make_caller(playing)
    for _ in range(4):
        await caller.complete(two, {})
    assert playing.asked.count("e@http://2") == 4
    playing = Playing(e=[ExpertMisconfigured("no key")])
    with pytest.raises(ExpertMisconfigured):
        await make_caller(playing).complete(two, {})
    assert sorted(playing.asked) == ["e@http://1", "e@http://2"]


async def test_an_endpoint_that_is_down_is_left_out_until_there_is_no_other() -> None:
    health = ExpertHealth(BreakerSettings(failures=1, cool_down=60.0))
    two = expert("e", "http://1", "http://2")
    down = health.fleet(two).replicas[0]
    for _ in range(2):
        health.failed(down, health.began(down), "expert_unreachable")
    health.began(down)
    playing = Playing(e=[BODY])
    caller = make_caller(playing, health)
    for _ in range(5):
        await caller.complete(two, {})
    assert set(playing.asked) == {"e@http://2"}
    playing.script = {"e@http://2": [ExpertAnswerInvalid("empty")], "e@http://1": [BODY]}
    await caller.complete(two, {})
    assert playing.asked[-2:] == ["e@http://2", "e@http://1"]


async def test_experts_that_are_down_come_last() -> None:
    clock = Clock()
    health = ExpertHealth(BreakerSettings(failures=1), clock=clock)
    (replica,) = health.fleet(A).replicas
    for _ in range(2):
        health.failed(replica, health.began(replica), "x")
    playing = Playing()
    caller = make_caller(playing, health)
    assert (await caller.complete([A, B], {})).expert is B
    assert (await caller.complete([A], {})).expert is A
    # Who asks to be left alone is, by everybody, where there is another.
    playing.script = {"b": [status(429, ExpertOverloaded, retry_after=20.0), BODY], "c": [BODY]}
    assert (await caller.complete([B, C], {})).expert is C
    assert (await caller.complete([B, C], {})).expert is C
    clock.now += 20
    assert (await caller.complete([B, C], {})).expert is B


async def test_what_another_process_tries_is_passed_by_where_there_is_somebody_else() -> None:
    async def theirs(_: Any) -> bool:
        return False

    two = expert("e", "http://1", "http://2")
    for experts, asked in (([A, B], ["b"]), ([A], ["a"]), ([two], ["e@http://2"])):
        health = ExpertHealth(BreakerSettings(failures=1, cool_down=0.0), claim=theirs)
        replica = health.fleet(experts[0]).replicas[0]
        for _ in range(2):
            health.failed(replica, health.began(replica), "x")
        playing = Playing()
        await make_caller(playing, health).complete(experts, {})
        assert playing.asked == asked
    # Where the other fails, too, it is asked all the same.
    health = ExpertHealth(BreakerSettings(failures=1, cool_down=0.0), claim=theirs)
    (replica,) = health.fleet(A).replicas
    for _ in range(2):
        health.failed(replica, health.began(replica), "x")
    playing, options = Playing(b=[ExpertAnswerInvalid("empty")]), CallOptions()
    assert (await make_caller(playing, health).complete([A, B], {}, options)).expert is A
    assert playing.asked == ["b", "a"] == [one.expert.id for one in options.attempts]


async def test_where_nobody_may_be_asked_that_is_said() -> None:
    """The best is down, or slow, and whoever pays agrees to nobody else."""

    async def permit(_: Any) -> bool:
        return False

    playing, options = Playing(a=[(0.05, BODY)]), CallOptions(permit=permit)
    assert (await make_caller(playing, share=1e-9).complete([A, B, C], {}, options)).expert is A
    assert playing.asked == ["a"]
    health = ExpertHealth(BreakerSettings(failures=1, cool_down=60.0))
    (replica,) = health.fleet(A).replicas
    for _ in range(2):
        health.failed(replica, health.began(replica), "x")
    with pytest.raises(ExpertFailed, match="costs more than may be spent"):
        await make_caller(playing, health).complete([A, B], {}, CallOptions(permit=permit))


async def test_a_wish_to_wait_is_heeded_where_nobody_else_is_there_and_there_is_time() -> None:
    waits = status(429, ExpertOverloaded, retry_after=0.05)
    playing = Playing(a=[waits, BODY])
    began = time.monotonic()
    await make_caller(playing).complete(A, {})
    assert time.monotonic() - began >= 0.05
    for options in (CallOptions(timeout=0.04), CallOptions()):
        longer = status(429, ExpertOverloaded, retry_after=0.05 if options.timeout < 1 else 11.0)
        playing = Playing(a=[longer, BODY])
        with pytest.raises(ExpertOverloaded):
            await make_caller(playing).complete(A, {}, options)
        assert playing.asked == ["a"]


async def test_retries_are_bounded_by_a_share_of_the_calls() -> None:
    playing = Playing(a=[status(500)])
    health = ExpertHealth(BreakerSettings(volume=10_000))
    caller = make_caller(playing, health, chance=lambda: 0.0)
    for _ in range(100):
        with pytest.raises(ExpertFailed):
            await caller.complete(A, {}, CallOptions(origin="t"))
    assert 100 + 10 <= len(playing.asked) <= 100 + 10 + 21


async def test_so_many_are_asked_and_no_more() -> None:
    playing = Playing(**{name: [ExpertTimedOut("late")] for name in "abcdefgh"})
    with pytest.raises(ExpertTimedOut):
        await make_caller(playing, attempts=4).complete([expert(n) for n in "abcdefgh"], {})
    assert playing.asked == list("abcd")


# Time


async def test_whoever_is_asked_has_all_the_time_that_is_left() -> None:
    playing = Playing(a=[ExpertTimedOut("late")], b=[ExpertTimedOut("late")])
    options = CallOptions(timeout=90.0, first_token_timeout=30.0)
    with pytest.raises(ExpertTimedOut):
        await make_caller(playing).complete([A, B], {}, options)
    with pytest.raises(ExpertTimedOut):
        await make_caller(playing).stream([A, B], {}, options)
    assert [round(call.timeout) for call in playing.calls] == [90] * 4


@pytest.mark.parametrize("stream", [False, True])
async def test_another_is_asked_beside_one_that_takes_long_and_the_first_answer_counts(
    *, stream: bool
) -> None:
    """The first has 0.1 s alone; what it answers after that still counts."""
    answer = STREAM if stream else (BODY,)
    for first, second, by, outcomes in (
        ((0.15, *answer), (9.0, *answer), A, ["ok", "cancelled"]),
        ((9.0, *answer), answer, B, ["failed", "ok"]),
        ((0.15, *answer), (ExpertFailed("no"),), A, ["ok", "failed"]),
        ((0.11, ExpertFailed("no")), (0.05, *answer), B, ["failed", "ok"]),
    ):
        playing = Playing(a=[first], b=[second])
        options = CallOptions(timeout=4.0)
        caller = make_caller(playing, share=0.025)
        if stream:
            async with await caller.stream([A, B], {}, options) as found:
                assert found.expert is by
                assert [block async for block in found][-1].endswith(DONE)
        else:
            assert (await caller.complete([A, B], {}, options)).expert is by
        assert [one.outcome for one in options.attempts] == outcomes
        assert not any(one.hedge for one in options.attempts)
        assert options.attempts[1].began >= 0.1
        assert playing.running == 0
        assert all(view.outstanding == 0 for view in caller.health.snapshot())


async def test_who_was_late_and_lost_is_to_blame_and_who_answered_late_is_not() -> None:
    playing = Playing(a=[9.0], b=[BODY])
    caller = make_caller(playing, share=0.01)
    for _ in range(3):
        options = CallOptions(timeout=4.0, origin="t")
        await caller.complete([A, B], {}, options)
        assert options.attempts[0].error == "expert_timeout"
    assert caller.health.down() == {"a"}
    playing = Playing(a=[(0.07, BODY)], b=[9.0])
    caller = make_caller(playing, share=0.01)
    for _ in range(3):
        assert (await caller.complete([A, B], {}, CallOptions(timeout=4.0))).expert is A
    assert caller.health.down() == frozenset()


async def test_all_that_hang_are_asked_one_beside_the_other_and_none_beyond_the_deadline() -> None:
    playing = Playing(a=[9.0], b=[9.0], c=[9.0])
    caller, options = make_caller(playing, share=0.2), CallOptions(timeout=0.5)
    began = time.monotonic()
    with pytest.raises(ExpertTimedOut):
        await caller.complete([A, B, C], {}, options)
    assert time.monotonic() - began < 1.0
    _, second, third = (one.began for one in options.attempts)
    assert second >= 0.1
    assert second + 0.05 <= third < 0.5
    assert (playing.asked, playing.running, playing.cancelled) == (["a", "b", "c"], 0, 3)
    assert caller.health.view(caller.health.fleet(A).replicas[0]).outstanding == 0


async def test_a_stream_that_only_announces_itself_is_given_up_in_time() -> None:
    playing = Playing(a=[(ROLE, 60.0)], b=[STREAM])
    began = time.monotonic()
    options = CallOptions(timeout=5.0, first_token_timeout=0.3)
    assert await streamed(make_caller(playing), [A, B], options)
    assert time.monotonic() - began < 3.0
    assert (playing.running, playing.cancelled) == (0, 1)
    with pytest.raises(ExpertTimedOut):
        await make_caller(playing).stream(A, {}, options)


# Streams


@pytest.mark.parametrize(
    "hollow",
    [
        (DONE,),
        (ROLE, DONE),
        (ROLE, ENDS, DONE),
        (ROLE, COUNTS, DONE),
        (b'data: {"choices":[{"delta":{"content":null,"tool_calls":[]}}]}\n\n' + DONE,),
        (),
        (ROLE, ExpertAnswerInvalid("error event")),
        (ROLE, ExpertUnreachable("reset")),
    ],
)
async def test_until_it_says_something_another_may_answer_and_nothing_is_seen_of_the_first(
    hollow: tuple[Any, ...],
) -> None:
    playing = Playing(a=[hollow], b=[STREAM])
    said = await streamed(make_caller(playing, retries=0), [A, B])
    assert said == b"".join((*STREAM[:4], DONE))
    assert playing.asked == ["a", "b"]


@pytest.mark.parametrize(
    "piece",
    [
        b'{"content":"x"}',
        b'{"reasoning_content":"x"}',
        b'{"refusal":"no"}',
        b'{"tool_calls":[{"index":0}]}',
        b'{"content":null,"audio":{"id":"x"}}',
    ],
)
async def test_what_says_something(piece: bytes) -> None:
    block = b'data: {"choices":[{"delta":' + piece + b"}]}\n\n"
    playing = Playing(a=[(ROLE, block, ExpertAnswerInvalid("broke off"))])
    stream = await make_caller(playing).stream([A, B], {})
    assert await anext(stream) == ROLE + block
    with pytest.raises(ExpertAnswerInvalid):
        await anext(stream)
    await stream.aclose()
    (attempt,) = stream.attempts
    assert (attempt.outcome, attempt.sent, attempt.error) == (
        "failed",
        True,
        "expert_answer_invalid",
    )


async def test_a_silence_that_is_accounted_for_is_an_answer() -> None:
    silent = (ROLE, ENDS, COUNTS, DONE)
    playing = Playing(a=[silent])
    assert await streamed(make_caller(playing), [A, B]) == ROLE + ENDS + DONE
    assert playing.asked == ["a"]


async def test_a_whole_answer_with_nothing_in_it_is_none() -> None:
    hollow = b'{"choices":[{"message":{"role":"assistant","content":null}}]}'
    assert (await make_caller(Playing(a=[hollow])).complete([A, B], {})).expert is B
    meant = b'{"choices":[{"message":{"content":""},"finish_reason":"stop"}],"usage":{"x":1}}'
    assert (await make_caller(Playing(a=[meant])).complete([A, B], {})).expert is A


async def test_a_stream_that_ends_without_its_end_is_no_success() -> None:
    playing = Playing(a=[(ROLE, SAYS, MORE)])
    caller, options = make_caller(playing), CallOptions()
    with pytest.raises(ExpertAnswerInvalid, match="without saying so"):
        await streamed(caller, A, options)
    assert [(one.outcome, one.sent) for one in options.attempts] == [("failed", True)]
    assert caller.health.view(caller.health.fleet(A).replicas[0]).outstanding == 0


async def test_a_stream_that_is_whole_is_not_late_however_slowly_it_is_read() -> None:
    stream = await make_caller(Playing(a=[STREAM])).stream(A, {}, CallOptions(timeout=0.05))
    blocks = [await anext(stream) for _ in range(4)]
    assert blocks[-1].endswith(DONE)
    await asyncio.sleep(0.08)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    await stream.aclose()
    assert [one.outcome for one in stream.attempts] == ["ok"]


async def test_leaving_a_stream_is_noted_and_stops_it() -> None:
    playing = Playing(a=[(*STREAM[:2], 60.0)])
    stream = await make_caller(playing).stream(A, {})
    await anext(stream)
    assert playing.running == 1
    await stream.aclose()
    assert playing.running == 0
    assert [one.outcome for one in stream.attempts] == ["cancelled"]


# Hedging


async def usual(caller: Any, experts: Any, times: int = 20) -> None:
    for _ in range(times):
        await caller.complete(experts, {})


async def test_a_slow_call_is_raced_and_the_loser_stopped() -> None:
    playing = Playing(a=[*[BODY] * 20, (5.0, BODY)])
    caller, options = make_caller(playing, hedge=True), CallOptions()
    await usual(caller, A)
    answer = await caller.complete([A, B], {}, options)
    assert answer.expert is B
    assert [(one.expert.id, one.outcome, one.hedge) for one in options.attempts] == [
        ("a", "cancelled", False),
        ("b", "ok", True),
    ]
    assert (playing.running, playing.cancelled) == (0, 1)


async def test_a_hedge_that_loses_is_stopped_and_one_that_fails_changes_nothing() -> None:
    for doing in ((5.0, BODY), ExpertAnswerInvalid("empty")):
        playing = Playing(a=[*[BODY] * 20, (0.2, BODY)], b=[doing])
        caller, options = make_caller(playing, hedge=True), CallOptions()
        await usual(caller, A)
        assert (await caller.complete([A, B], {}, options)).expert is A
        assert [one.hedge for one in options.attempts] == [False, True]
        assert playing.running == 0


async def test_two_answers_at_once_are_one_and_the_other_is_discarded() -> None:
    playing = Playing(a=[*[STREAM] * 20, (5.0, *STREAM), STREAM], b=[STREAM])
    caller, options = make_caller(playing, hedge=True), CallOptions()
    for _ in range(20):
        await streamed(caller, A)
    (first,) = caller.health.fleet(A).replicas
    first.durations._p95 = 0.001
    stream = await caller.stream([A, B], {}, options)
    assert stream.expert is B
    # As if the other had come at the same moment.
    other = await caller.stream(A, {})
    await other.discard()
    assert [one.outcome for one in other.attempts] == ["cancelled"]
    assert not other.attempts[0].sent
    assert [block async for block in stream][-1].endswith(DONE)
    await stream.aclose()
    assert [(one.outcome, one.sent) for one in options.attempts] == [
        ("cancelled", False),
        ("ok", True),
    ]
    whole = await make_caller(Playing()).complete(A, {})
    await whole.discard()
    assert whole.attempt.outcome == "cancelled"


async def test_both_fail_and_the_next_is_asked() -> None:
    late = ExpertTimedOut("late")
    playing = Playing(a=[*[BODY] * 20, (0.01, late)], b=[(0.02, late)], c=[BODY])
    caller = make_caller(playing, hedge=True)
    await usual(caller, A)
    assert (await caller.complete([A, B, C], {})).expert is C


async def test_a_failure_beside_a_hedge_is_asked_again_of_its_own_expert() -> None:
    late = ExpertTimedOut("late")
    playing = Playing(a=[*[BODY] * 20, (0.2, status(500))], b=[(0.005, late)])
    caller, options = make_caller(playing, hedge=True), CallOptions()
    await usual(caller, A)
    with pytest.raises(ExpertFailed):
        await caller.complete([A, B], {}, options)
    assert playing.asked[20:] == ["a", "b", "a"]
    assert [one.expert.id for one in options.attempts] == ["a", "b", "a"]


async def test_hedges_are_few_and_off_unless_wanted() -> None:
    playing = Playing(a=[*[BODY] * 20, (0.003, BODY)])
    caller = make_caller(playing, hedge=True, hedge_ratio=0.0)
    await usual(caller, A)
    await usual(caller, [A, B], 30)
    assert playing.asked.count("b") <= 10
    playing = Playing(a=[*[BODY] * 20, (0.003, BODY)])
    caller = make_caller(playing)
    await usual(caller, [A, B], 30)
    assert "b" not in playing.asked


async def test_a_race_that_is_cancelled_leaves_nothing_behind() -> None:
    playing = Playing(a=[*[STREAM] * 20, 60.0], b=[60.0])
    caller = make_caller(playing, hedge=True)
    for _ in range(20):
        await streamed(caller, A)
    task = asyncio.ensure_future(caller.stream([A, B], {}))
    async with asyncio.timeout(2):
        while playing.running < 2:  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait((task,))
    assert playing.running == 0


FAULTS = (
    status(500),
    ExpertUnreachable("gone"),
    ExpertTimedOut("late"),
    ExpertAnswerInvalid("empty"),
    ExpertMisconfigured("no key"),
    RequestRefused("no"),
    ContextTooLong("too long"),
    BODY,
)


@settings(max_examples=200, deadline=None)
@given(
    script=st.lists(
        st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3), min_size=1, max_size=6
    ),
    endpoints=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    windows=st.lists(st.integers(1, 3), min_size=6, max_size=6),
)
def test_whatever_fails_it_ends_and_is_told(
    script: list[list[Any]], endpoints: list[int], windows: list[int]
) -> None:
    names = "abcdef"[: len(script)]
    experts = [
        expert(name, *(f"http://{n}" for n in range(count)), context_window=room)
        for name, count, room in zip(names, endpoints, windows, strict=False)
    ]
    playing = Playing(**{n: list(doing) for n, doing in zip(names, script, strict=True)})
    caller, options = make_caller(playing, chance=lambda: 0.0), CallOptions()

    async def asked() -> bool:
        try:
            answer = await caller.complete(experts, {}, options)
        except ExpertError as error:
            assert error.attempts is options.attempts
            return False
        assert options.attempts[-1].expert is answer.expert
        return True

    answered = asyncio.run(asked())
    assert 1 <= len(playing.calls) == len(options.attempts) <= 5
    assert [one.outcome == "ok" for one in options.attempts].count(True) == answered
    assert all(view.outstanding == 0 for view in caller.health.snapshot())
    assert options.attempts[0].expert is experts[0]


@settings(max_examples=200, deadline=None)
@given(
    script=st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.sampled_from(FAULTS)), min_size=1, max_size=3),
        min_size=1,
        max_size=6,
    ),
    endpoints=st.lists(st.integers(0, 3), min_size=6, max_size=6),
    share=st.sampled_from([1e-9, 2 / 3]),
    hedge=st.booleans(),
)
def test_whatever_is_asked_side_by_side_one_answer_counts_and_all_is_told(
    script: list[list[tuple[int, Any]]], endpoints: list[int], share: float, *, hedge: bool
) -> None:
    names = "abcdef"[: len(script)]
    experts = [
        expert(name, *(f"http://{n}" for n in range(count)))
        for name, count in zip(names, endpoints, strict=False)
    ]
    playing = Playing(
        **{
            name: [(*([0.0] * turns), fault) for turns, fault in doing]
            for name, doing in zip(names, script, strict=True)
        }
    )
    caller = make_caller(playing, chance=lambda: 0.0, share=share, hedge=hedge)
    for one in experts:
        for replica in caller.health.fleet(one).replicas:
            replica.durations._p95 = 1e-9
    options = CallOptions()

    async def asked() -> bool:
        try:
            answer = await caller.complete(experts, {}, options)
        except ExpertError as error:
            assert error.attempts is options.attempts
            return False
        finally:
            assert len(asyncio.all_tasks()) == 1
        assert answer.attempt in options.attempts
        assert (answer.attempt.outcome, answer.attempt.expert) == ("ok", answer.expert)
        return True

    answered = asyncio.run(asked())
    assert 1 <= len(options.attempts) <= 5
    assert [one.outcome for one in options.attempts].count("ok") == answered
    assert not any(one.outcome == "running" for one in options.attempts)
    assert playing.running == 0
    assert all(view.outstanding == 0 for view in caller.health.snapshot())


async def test_what_was_held_back_of_a_stream_that_broke_is_known() -> None:
    broken = ExpertAnswerInvalid("broke off")
    broken.produced = SAYS
    playing = Playing(a=[(ROLE, broken)], b=[STREAM])
    caller, options = make_caller(playing), CallOptions()
    await streamed(caller, [A, B], options)
    first, second = options.attempts
    assert first.unseen == ROLE + SAYS
    assert (second.expert, second.unseen) == (B, b"")
