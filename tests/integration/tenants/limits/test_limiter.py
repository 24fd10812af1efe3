"""Limits and budgets over all replicas, on real stores."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.kit.errors import ApiError
from orchestrator.kit.slots import beside_usage
from orchestrator.kit.together import _Line
from orchestrator.tenants.limits.values import Ask, Spent
from orchestrator.usage import repository
from orchestrator.usage.journal import STREAM, open_requests_key
from tests.integration.tenants.limits.conftest import DOLLAR, Replica, new_record


async def refusal_of(replica: Replica, **fields: int) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await replica.ask(**fields)
    return caught.value


async def test_exactly_so_many_pass_over_two_replicas(
    replica: Replica, engine: AsyncEngine, redis: Redis, tmp_path: Path
) -> None:
    other = Replica.of(engine, redis, tmp_path, "two")
    await replica.limit("key_a", requests=25)
    await other.book.refresh()
    asked = [(replica, other)[n % 2].ask() for n in range(100)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ApiError)]
    assert len(answers) - len(refused) == 25
    assert {(error.status, error.code) for error in refused} == {(429, "rate_limit_exceeded")}
    assert all(1 <= int(error.headers["retry-after"]) <= 61 for error in refused)
    # A refused request leaves nothing behind.
    noted = [await redis.hlen(open_requests_key(name)) for name in ("one", "two")]
    assert sum(noted) == 25


async def test_the_answer_says_what_is_left(replica: Replica) -> None:
    await replica.limit(requests=100, tokens=1_000)
    await replica.limit("key_a", tokens=600)
    admission = await replica.ask(tokens=150)
    assert admission.headers == {
        "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-reset-requests": "1m1s",
        "x-ratelimit-limit-tokens": "600",
        "x-ratelimit-remaining-tokens": "450",
        "x-ratelimit-reset-tokens": "1m1s",
    }
    error = await refusal_of(replica, tokens=500)
    assert "limit of 600 tokens a minute, and this one is expected to use 500" in error.message
    assert error.headers["x-ratelimit-remaining-tokens"] == "450"


async def test_what_never_fits_is_told_so(replica: Replica) -> None:
    await replica.limit(tokens=100)
    error = await refusal_of(replica, tokens=300, least_tokens=200)
    assert (error.status, error.headers) == (429, {"x-should-retry": "false"})
    # Only the guess of the answer is too large: it may well fit.
    assert await replica.ask(tokens=300, least_tokens=20)


async def test_a_place_is_free_again_when_a_request_ends(replica: Replica) -> None:
    await replica.limit(concurrent=2)
    records = [new_record(), new_record()]
    for record in records:
        await replica.ask(record)
    error = await refusal_of(replica)
    assert error.headers["retry-after"] == "1"
    assert "limit of 2 requests at once" in error.message
    await replica.journal.close(records[0])
    await replica.journal.close(records[0])
    await replica.ask()
    await refusal_of(replica)


async def test_a_budget_says_which_how_much_and_until_when(replica: Replica) -> None:
    await replica.limit(day=DOLLAR)
    await replica.limit("key_a", month=DOLLAR // 4)
    await replica.request(nanos=DOLLAR // 4, cost=DOLLAR // 5)
    error = await refusal_of(replica, nanos=DOLLAR // 10)
    assert (error.status, error.code) == (402, "budget_exceeded")
    assert error.message.startswith(
        "This key has a budget of $0.25 a month: $0.20 is spent, $0.00 is reserved for requests "
        "under way, and this one may cost $0.10. The budget renews at "
    )
    assert error.message.endswith("-01T00:00:00Z.")
    assert await replica.ask(nanos=DOLLAR // 40)
    # What costs nothing is not held up by a budget.
    await replica.limit(day=0)
    assert await replica.ask(nanos=0)
    assert "a day" in (await refusal_of(replica, nanos=1)).message


async def test_as_many_as_the_budget_holds_by_estimate_and_not_one_more(replica: Replica) -> None:
    """200 at once on a nearly empty budget: what they reserve is never more than there is."""
    await replica.limit(day=DOLLAR)
    await replica.request(nanos=DOLLAR, cost=DOLLAR - 1_000)
    records = [new_record(cost_nanos=120) for _ in range(200)]
    asked = [replica.ask(record, nanos=100) for record in records]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    admitted = [
        record for record, answer in zip(records, answers, strict=True)
        if not isinstance(answer, BaseException)
    ]  # fmt: skip
    assert len(admitted) == 10
    for record in admitted:
        await replica.journal.close(record)
    use = await used(replica)
    # Overspent by what the ten cost more than was expected, and by nothing else.
    assert use == (DOLLAR - 1_000 + 10 * 120, 0)
    await refusal_of(replica, nanos=1)


async def used(replica: Replica) -> tuple[int, int]:
    """Return what the tenant has spent and reserved today."""
    record = new_record()
    scopes = replica.book.scopes("default", "")
    look = await replica.limiter._shared.look(
        "default", scopes, Ask(record.request_id, "default", "").periods
    )
    return look.uses[0].day, look.uses[0].day_held


async def test_less_is_reserved_where_less_will_do(replica: Replica) -> None:
    await replica.limit(day=DOLLAR)
    admission = await replica.ask(nanos=5 * DOLLAR, least_nanos=1)
    assert admission.nanos == DOLLAR
    assert (await refusal_of(replica, nanos=DOLLAR, least_nanos=1)).status == 402


async def test_a_redis_that_lost_everything_does_not_forget_what_was_spent(
    replica: Replica, redis: Redis
) -> None:
    await replica.limit(day=DOLLAR, month=DOLLAR)
    await replica.request(nanos=DOLLAR, cost=DOLLAR - 5)
    await replica.drain.flush()
    await redis.flushall()
    await redis.script_flush()
    assert (await refusal_of(replica, nanos=6)).status == 402
    assert await used(replica) == (DOLLAR - 5, 0)
    assert await replica.ask(nanos=5)


async def test_a_budget_set_later_knows_what_was_spent_before(replica: Replica) -> None:
    record = new_record(cost_nanos=DOLLAR)
    await replica.journal.close(record)
    await replica.drain.flush()
    await replica.limit("key_a", day=DOLLAR)
    assert (await refusal_of(replica, nanos=1)).status == 402


async def test_records_that_nobody_settled_are_caught_up_with(replica: Replica) -> None:
    await replica.limit(day=DOLLAR)
    await replica.request(nanos=5, cost=5)
    await replica.journal.close(new_record(cost_nanos=70))  # of another process, or from the spool
    await replica.drain.flush()
    assert await used(replica) == (5, 0)
    await replica.limiter.reconcile()
    assert await used(replica) == (75, 0)


async def test_what_is_recorded_before_it_is_settled_counts_once(
    replica: Replica, engine: AsyncEngine
) -> None:
    """As runs are, and items of batches: the records are read in between."""
    await replica.limit(day=1_000)
    await replica.request(nanos=50, cost=50)
    recorded = new_record(cost_nanos=300)
    await replica.limiter.admit(Ask(recorded.request_id, "default", "key_a", nanos=400), keep=False)
    async with engine.begin() as connection:
        await repository.ensure_partitions(connection, {recorded.started_at.date()})
        await repository.insert_records(connection, [recorded])
    await replica.drain.flush()
    await replica.limiter.reconcile()
    assert await used(replica) == (50, 400)
    await refusal_of(replica, nanos=551)
    await replica.limiter.settle_for("default", recorded.request_id, 0, 300)
    assert await used(replica) == (350, 0)


async def test_an_abandoned_reservation_returns_and_a_kept_one_does_not(
    replica: Replica, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.tenants.limits.limiter.LEASE_MS", 300)
    monkeypatch.setattr("orchestrator.tenants.limits.limiter._RENEW_SECONDS", 0)
    await replica.limit(day=100, concurrent=10)
    abandoned, kept = new_record(), new_record()
    await replica.ask(abandoned, nanos=60)
    await replica.ask(kept, nanos=30)
    replica.limiter._held.pop(abandoned.request_id)  # as if its process had died
    await refusal_of(replica, nanos=60)
    for _ in range(4):
        await asyncio.sleep(0.1)
        await replica.limiter.renew()
    assert await replica.ask(nanos=60)
    assert await used(replica) == (0, 90)
    assert await redis.zcard(beside_usage("due", "default")) == 2


async def test_a_settlement_survives_a_redis_that_forgot_the_script(
    replica: Replica, redis: Redis
) -> None:
    await replica.limit(day=100)
    record = new_record(cost_nanos=40)
    await replica.ask(record, nanos=90)
    await redis.script_flush()
    await replica.journal.close(record)
    assert await used(replica) == (40, 0)
    assert await redis.xlen(STREAM) == 1


async def test_a_request_takes_two_round_trips(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    await replica.limit(requests=10, day=100)
    await replica.request(nanos=1, cost=1)
    sent: list[object] = []
    send, once = AbstractConnection.send_packed_command, _Line.send

    async def counted(self: AbstractConnection, *arguments: Any, **options: Any) -> None:
        sent.append(arguments)
        await send(self, *arguments, **options)

    def counted_line(self: _Line, asked: Any) -> None:
        sent.append(asked)
        once(self, asked)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)
    monkeypatch.setattr(_Line, "send", counted_line)
    await replica.request(nanos=1, cost=1)
    assert len(sent) == 2


async def test_a_request_that_is_cancelled_on_its_way_in_leaves_nothing(
    replica: Replica, redis: Redis
) -> None:
    await replica.limit(concurrent=1, day=100)
    await replica.request(nanos=1, cost=1)
    cancelled = 0
    for turns in range(8):
        record = new_record()
        asking = asyncio.create_task(replica.ask(record, nanos=50))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait((asking,))
        if asking.cancelled():
            cancelled += 1
        else:  # the Redis client can lose a cancellation: then it is a request like others
            await replica.journal.close(record)
    assert cancelled
    await asyncio.sleep(0.05)
    assert await redis.hlen(open_requests_key("one")) == 0
    assert not replica.limiter._held
    assert await used(replica) == (1, 0)


async def test_many_who_meet_an_empty_redis_ask_the_records_once(
    replica: Replica, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    await replica.limit(day=DOLLAR)
    asked = 0
    spent = replica.limiter._spent

    async def counting(tenants: Collection[str]) -> Mapping[str, Mapping[str, Spent]]:
        nonlocal asked
        asked += 1
        return await spent(tenants)

    monkeypatch.setattr(replica.limiter, "_spent", counting)
    await redis.flushall()
    await asyncio.gather(*(replica.ask(nanos=1) for _ in range(30)))
    assert asked == 1
    assert await used(replica) == (0, 30)
