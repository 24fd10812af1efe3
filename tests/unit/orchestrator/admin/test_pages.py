"""What pages say of what the API tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coe_client.types import BudgetUse, ConfigValue, Job, KeyRecord, RunStep, System
from orchestrator.admin.pages.access.audit import changes
from orchestrator.admin.pages.access.audit_words import in_words
from orchestrator.admin.pages.access.budget import burn_down, outlook
from orchestrator.admin.pages.access.keys import restrictions
from orchestrator.admin.pages.conductor.steps import tree
from orchestrator.admin.pages.jobs import progress
from orchestrator.admin.pages.settings import is_set
from orchestrator.admin.pages.system.problems import problems

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def _budget(**more: object) -> BudgetUse:
    given = {
        "period": "day",
        "limit_usd": 10.0,
        "used_usd": 4.0,
        "remaining_usd": 6.0,
        "share": 0.4,
        "starts_at": DAY,
        "resets_at": DAY + timedelta(days=1),
        "burn": {"step": "hour", "points": []},
        **more,
    }
    return BudgetUse.model_validate(given)


def _forecast(runs_out_at: datetime | None) -> dict[str, object]:
    return {
        "step": "hour",
        "steps": 4,
        "usd_per_step": 1.0,
        "runs_out_at": runs_out_at,
        "at_reset_usd": 8.0,
        "at_reset_low_usd": 7.0,
        "at_reset_high_usd": 9.0,
    }


def test_a_budget_says_where_it_leads() -> None:
    assert "too little is known" in outlook(_budget(), UTC)
    assert "lasts; $7.00 to $9.00" in outlook(_budget(forecast=_forecast(None)), UTC)
    soon = _forecast(DAY + timedelta(hours=18))
    assert "runs out 1 Mar 2026, 18:00:00 UTC" in outlook(_budget(forecast=soon), UTC)
    assert "used up, renews 2 Mar 2026" in outlook(_budget(remaining_usd=0.0), UTC)


@given(st.lists(st.floats(0, 100), max_size=24))
def test_what_is_left_never_falls_below_nothing(totals: list[float]) -> None:
    points = [
        {"at": DAY + timedelta(hours=hour + 1), "spent_usd": 0.0, "total_usd": total}
        for hour, total in enumerate(sorted(totals))
    ]
    left, even = burn_down(_budget(burn={"step": "hour", "points": points}))["series"]
    values = [value for _, value in left["data"]]
    assert values[0] == 10.0
    assert values == sorted(values, reverse=True)
    assert min(values) >= 0
    assert [value for _, value in even["data"]] == [10.0, 0.0]


def test_an_audit_entry_shows_only_what_differs() -> None:
    assert changes({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": None}) == [("b", "2", "3")]
    assert changes(None, {"a": 1}) == [("a", "–", "1")]
    assert changes({"a": 1}, None) == [("a", "1", "–")]


@pytest.mark.parametrize(
    ("experts", "policies", "text"),
    [
        (None, None, "all experts"),
        (["a"], None, "1 expert"),
        (["a", "b"], ["cheap"], "2 experts and 1 policy"),
        ([], ["a", "b"], "0 experts and 2 policies"),
    ],
)
def test_a_key_says_what_it_may_use(
    experts: list[str] | None, policies: list[str] | None, text: str
) -> None:
    row = KeyRecord(id="key_1", experts=experts, policies=policies)
    assert f">{text}</span>" in restrictions(row)


def test_steps_are_told_with_what_they_say_escaped() -> None:
    drawn = tree([RunStep(key="1", title="<b>", status="ok", expert="x", output="a < b")])
    assert "&lt;b&gt;" in drawn
    assert "a &lt; b" in drawn
    assert "No steps yet" in tree([])


def _job(**more: object) -> Job:
    given = {
        "id": "batch_1",
        "kind": "batch",
        "tenant": "t",
        "key_id": "k",
        "state": "running",
        "priority": 0,
        "progress": {"total": 10, "completed": 4, "failed": 1, "dropped": 0},
        "cost_usd": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "created_at": DAY,
        **more,
    }
    return Job.model_validate(given)


def test_a_job_says_how_far_it_is() -> None:
    assert "5 of 10, 1 failed" in progress(_job())
    nothing = {"total": 0, "completed": 0, "failed": 0, "dropped": 0}
    assert "learns" in progress(_job(progress=nothing, work={"doing": "learns"}))


def test_a_setting_that_somebody_set_is_told_apart() -> None:
    assert is_set(ConfigValue(name="COE_PORT", value="1", source="environment (COE_PORT)"))
    assert not is_set(ConfigValue(name="COE_PORT", value="1", source="default"))


def _system(**parts: object) -> System:
    given: dict[str, object] = {
        "checked_at": DAY,
        "build": {"version": "1"},
        "processes": {"replicas": [{"id": "a", "version": "1", "ready": True}]},
        "queues": {},
        "database": {"migrated": True, "clock_ahead_seconds": 0.1},
        "redis": {"eviction_policy": "noeviction", "append_only": True},
        "disk": {"free_bytes": 50, "total_bytes": 100},
        **parts,
    }
    return System.model_validate(given)


def test_nothing_is_wrong_with_a_sound_installation() -> None:
    assert problems(_system()) == []


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"database": {"migrated": False}}, "older"),
        ({"database": {"clock_ahead_seconds": -7.0}}, "7 s off"),
        ({"redis": {"eviction_policy": "allkeys-lru"}}, "evict"),
        ({"redis": {"append_only": False}}, "writes nothing"),
        ({"disk": {"free_bytes": 5, "total_bytes": 100}}, "nearly full"),
        ({"queues": {"runs_queued": 2, "jobs_queued": 1}}, "3 runs and jobs wait"),
        ({"processes": {"replicas": [{"id": "a", "version": "1"}, {"id": "b", "version": "2"}]}}, "different versions"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(parts: dict[str, object], told: str) -> None:
    (problem,) = problems(_system(**parts))
    assert told in problem.what
    assert problem.do


def test_what_is_worst_comes_first() -> None:
    found = problems(
        _system(redis={"append_only": False}, disk={"free_bytes": 1, "total_bytes": 100})
    )
    assert [one.tone for one in found] == ["bad", "warn"]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("POST /admin/api/routers/rv_1/promote", "Promoted the router version rv_1"),
        ("POST /admin/api/routers/rollback", "Rolled the router back"),
        ("PUT /admin/api/limits/keys/key_1", "Set limits of the key key_1"),
        (
            "POST /admin/api/routers/starter/policies/cheap/budget",
            "Made a router version with another budget for cheap",
        ),
        ("sign in", None),
        ("POST /admin/api/nowhere", None),
        ("GET /admin/api/keys", None),
    ],
)
def test_what_was_done_is_told_in_words(action: str, words: str | None) -> None:
    assert in_words(action) == words
