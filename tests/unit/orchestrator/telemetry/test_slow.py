from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from orchestrator.kit import logs_context
from orchestrator.telemetry.slow import SlowRequests, slow_facts, slow_line
from orchestrator.usage.record import UsageRecord


def record(**fields: Any) -> UsageRecord:
    base = {
        "request_id": "req_1", "tenant": "acme", "key_id": "key_1", "api": "chat.completions",
        "model": "coe", "status": "ok", "expert": "large", "duration_ms": 1000.0,
    }  # fmt: skip
    return UsageRecord(**{**base, **fields})


def test_only_what_is_slow_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    slow = SlowRequests(2.0)
    slow.seen(record(duration_ms=1999.0))
    assert not caplog.records
    slow.seen(record(duration_ms=2000.0))
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert line.getMessage().startswith("slow request req_1 of acme: 2.000 s; ")


def test_zero_is_off(caplog: pytest.LogCaptureFixture) -> None:
    SlowRequests(0.0).seen(record(duration_ms=1e9))
    assert not caplog.records


async def test_what_came_before_the_record_counts(caplog: pytest.LogCaptureFixture) -> None:
    with logs_context.working(request_id="req_1"):
        await asyncio.sleep(0.03)
        logs_context.mark("route")
        logs_context.mark("expert")
        SlowRequests(0.02).seen(record(duration_ms=1.0, streamed=True))
    (line,) = caplog.records
    told: dict[str, Any] = line.__dict__["facts"]
    assert told["seconds"] >= 0.03
    assert 0.03 <= told["stages"]["route"] <= told["first_token_seconds"] <= told["seconds"]


def test_it_says_where_the_time_went() -> None:
    stages = {"read": 0.001, "route": 0.002, "cache": 0.0, "limits": 0.004, "expert": 41.0}
    call = {"expert": "slow", "endpoint": "a", "outcome": "failed", "error": "timeout",
            "began_ms": 0.0, "duration_ms": 30_000.0, "cost_nanos": 5}  # fmt: skip
    calls = [call, {**call, "expert": "large", "outcome": "ok", "error": None}]
    told = slow_facts(record(attempts=calls, cache="miss", streamed=True), 42.007, stages)
    assert told["stages"] == {**stages, "rest": 1.0}
    assert told["first_token_seconds"] == 41.007
    assert told["calls"][0] == {name: call[name] for name in call if name != "cost_nanos"}
    assert slow_line(told) == (
        "slow request req_1 of acme: 42.007 s, first token after 41.007 s; chat.completions for 'coe', "
        "ok by large; read 0.001, route 0.002, cache 0.000, limits 0.004, expert 41.000, rest 1.000; "
        "cache miss; calls: slow timeout 30.000, large ok 30.000"
    )


def test_a_line_stays_short() -> None:
    told = slow_facts(record(attempts=[{"expert": "one", "outcome": "ok"}] * 20), 1.0, {})
    assert len(told["calls"]) == 8
    assert slow_line(told).endswith("one ok, 12 more")
