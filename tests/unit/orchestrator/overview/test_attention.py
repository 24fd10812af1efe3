"""What is told to need attention, and how urgently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator.overview.attention import (
    Circumstances,
    ExpiringKey,
    FailedJob,
    OpenBreaker,
    UsedBudget,
    attention_to,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def told(**found: Any) -> list[tuple[str, str, str]]:
    return [
        (one.severity, one.kind, one.text) for one in attention_to(Circumstances(now=NOW, **found))
    ]


def key(**since: float) -> ExpiringKey:
    return ExpiringKey("key_1", "ci", "acme", NOW + timedelta(**since))


def test_nothing_needs_attention_where_all_is_well() -> None:
    well = {
        "calls": {"ada": (1000, 99), "bo": (19, 19)},
        "budgets": [UsedBudget("acme", None, "day", 0.89)],
        "undrained": 9_999,
    }
    assert told(**well) == []


@pytest.mark.parametrize(
    ("found", "severity", "kind", "text"),
    [
        ({"breakers": [OpenBreaker("ada", "x", "timeout", True)]}, "error", "breaker_open",
         "Expert 'ada' is down: Endpoint x of expert 'ada' fails (timeout) and is left alone."),
        ({"breakers": [OpenBreaker("ada", "x", "", False)]}, "warning", "breaker_open",
         "Endpoint x of expert 'ada' fails and is left alone."),
        ({"calls": {"ada": (100, 10)}}, "warning", "expert_errors",
         "10 of 100 calls of expert 'ada' failed in the last hour."),
        ({"calls": {"ada": (20, 10)}}, "error", "expert_errors",
         "10 of 20 calls of expert 'ada' failed in the last hour."),
        ({"budgets": [UsedBudget("acme", None, "day", 0.9)]}, "warning", "budget_nearly_used",
         "90% of the day's budget of tenant 'acme' is used."),
        ({"budgets": [UsedBudget("acme", "key_1", "month", 1.0)]}, "error", "budget_nearly_used",
         "100% of the month's budget of key key_1 of tenant 'acme' is used."),
        ({"budgets": [UsedBudget("acme", None, "day", 1094.17)]}, "error", "budget_nearly_used",
         "1,094 times the day's budget of tenant 'acme' is used."),
        ({"budgets": None}, "error", "budget_nearly_used",
         "Redis does not answer: what is used of budgets is not known."),
        ({"infeasible": {"economy": "It cannot."}}, "warning", "budget_infeasible",
         "Policy 'economy': It cannot. The nearest that can be kept is used."),
        ({"keys": [key(hours=3)]}, "warning", "key_expires",
         "Key 'ci' (key_1) of tenant 'acme' expires in 3 hours."),
        ({"keys": [key(days=-3)]}, "info", "key_expired",
         "Key 'ci' (key_1) of tenant 'acme' has expired 3 days ago."),
        ({"jobs": [FailedJob("job_1", "batch", "No file.")]}, "warning", "job_failed",
         "Job job_1 (batch) failed: No file."),
        ({"undrained": 10_000}, "warning", "usage_backlog",
         "10,000 usage records wait for Postgres: figures are behind."),
        ({"undrained": 100_000}, "error", "usage_backlog",
         "100,000 usage records wait for Postgres: figures are behind."),
        ({"undrained": None}, "error", "usage_backlog",
         "Redis does not answer: usage is kept in files of the replicas meanwhile."),
        ({"refused": 2}, "error", "usage_backlog",
         "Postgres does not accept 2 usage records; they are set aside."),
        ({"spooled": 7}, "warning", "usage_backlog",
         "7 bytes of usage wait in this replica's file for Redis."),
        ({"unpriced": ["bo", "ada"]}, "info", "price_missing",
         "Without a price, so that they seem to cost nothing: 'ada', 'bo'."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(found: dict[str, Any], severity: str, kind: str, text: str) -> None:
    assert told(**found) == [(severity, kind, text)]


def test_the_worst_comes_first_and_links_to_where_it_is_mended() -> None:
    found = Circumstances(
        now=NOW,
        calls={"ada": (100, 60)},
        keys=[key(hours=1)],
        jobs=[FailedJob("job_1", "batch", "")],
        unpriced=["bo"],
    )
    assert [(one.severity, one.link.page, one.link.id) for one in attention_to(found)] == [
        ("error", "experts", "ada"),
        ("warning", "tenants", "acme"),
        ("warning", "jobs", "job_1"),
        ("info", "experts", "bo"),
    ]


def test_of_many_alike_the_worst_are_told_and_how_many_more() -> None:
    budgets = [UsedBudget(f"t{n}", None, "day", 0.9 + n / 100) for n in range(15)]
    found = attention_to(Circumstances(now=NOW, budgets=budgets))
    assert len(found) == 11
    assert found[0].text.startswith("104%")
    assert found[-1].text == "5 more like the ones above."
