"""What a strategy's steps have cost is known even if the process dies in the middle of the request."""

from __future__ import annotations

from pathlib import Path

from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from orchestrator.chat.run_account import NotingLedger, RunAccount
from orchestrator.conductor.values import Step
from orchestrator.kit.ids import new_request_id
from orchestrator.tenants.keys import Principal, Role
from orchestrator.tenants.limits.values import Ask
from orchestrator.usage.drain import UsageDrain
from orchestrator.usage.journal import UsageJournal, open_requests_key
from orchestrator.usage.spool import Spool
from orchestrator.usage.tables import usage
from router import RoutingDecision


def _step(number: int, expert: str, usd: float, reused_from: str = "") -> Step:
    return Step(
        f"ask.{number}",
        number,
        "answer",
        "An answer",
        "ok",
        expert,
        prompt_tokens=100,
        completion_tokens=10,
        usd=usd,
        expert_version=1,
        reused_from=reused_from,
    )


async def _opened(journal: UsageJournal) -> RunAccount:
    decision = RoutingDecision(
        category="math",
        policy="quality",
        expert="a",
        ranked=("a",),
        candidates=[],
        rule="category",
        reason="",
        uncertainty=0.0,
        probabilities={"math": 1.0},
        router_version="1",
    )
    account = RunAccount(
        journal,
        Principal("key_1", "a key", "acme", Role.USER),
        request_id=new_request_id(),
        api="chat.completions",
        model="coe-panel",
        strategy="panel",
        decision=decision,
        streamed=False,
    )
    ask = Ask(account._record.request_id, "acme", "key_1", tokens=1, least_tokens=1, nanos=1)
    await account.open(ask)
    return account


async def test_a_request_that_dies_with_its_process_costs_what_its_steps_did(
    engine: AsyncEngine, redis: Redis, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool")
    doomed = UsageJournal(redis, spool, "doomed")
    dies, ends = await _opened(doomed), await _opened(doomed)
    ledger, other = NotingLedger(dies), NotingLedger(ends)
    for step in (_step(1, "a", 0.25), _step(2, "b", 0.5), _step(3, "b", 0.5, reused_from="ask.2")):
        await ledger.finished(step)
    await other.finished(_step(1, "a", 0.25))
    closed = await ends.close("ok", other.steps)
    await other.finished(_step(2, "a", 0.25))  # too late: nothing is noted of what is closed
    assert await redis.hlen(open_requests_key("doomed")) == 1
    await UsageDrain(engine, redis, spool, "another").flush()
    async with engine.connect() as connection:
        rows = {
            row["request_id"]: row for row in (await connection.execute(select(usage))).mappings()
        }
    row = rows.pop(dies._record.request_id)
    assert (row["status"], row["cost_nanos"]) == ("interrupted", 750_000_000)
    assert [(call["expert"], call["cost_nanos"]) for call in row["attempts"]] == [
        ("a", 250_000_000),
        ("b", 500_000_000),
    ]
    [(request_id, row)] = rows.items()
    assert (request_id, row["status"], row["cost_nanos"]) == (closed.request_id, "ok", 250_000_000)
