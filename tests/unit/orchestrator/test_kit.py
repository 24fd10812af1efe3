"""Ids, settings, errors, costs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kit.errors import ApiError, StartError
from orchestrator.kit.ids import new_request_id, time_of, uuid7
from orchestrator.kit.logs import configure_logging, hide
from orchestrator.kit.origins import split_origins
from orchestrator.kit.settings import Settings, describe, environment_name, load_settings
from orchestrator.usage.record import UsageRecord
from router.exploration import MAX_EXPLORATION


@given(st.integers(min_value=0, max_value=2**47))
def test_a_request_id_carries_its_moment(milliseconds: int) -> None:
    identifier = uuid7(milliseconds)
    assert identifier.version == 7
    assert identifier.variant == "specified in RFC 4122"
    if milliseconds < 4_102_444_800_000:  # 2100: far beyond, floats lose the millisecond
        expected = datetime.fromtimestamp(milliseconds / 1000, UTC)
        assert time_of(f"req_{identifier.hex}") == expected


def test_request_ids_sort_by_time() -> None:
    ids = [f"req_{uuid7(n).hex}" for n in range(1_000)]
    assert ids == sorted(ids)
    assert len({new_request_id() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    "text", ["", "req_", "abc", "req_zz", "key_" + "0" * 32, "req_" + "g" * 32]
)
def test_what_is_no_request_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"request id|invalid literal"):
        time_of(text)


def test_costs_are_kept_in_nanos() -> None:
    record = UsageRecord(
        request_id=new_request_id(), tenant="t", key_id="k", api="a", model="m", cost_nanos=3_450
    )
    assert record.cost_usd == pytest.approx(3.45e-6)


def test_every_setting_says_where_its_value_is_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COE_PORT", "9000")
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hidden@db/coe")
    rows = {row["name"]: row for row in describe(load_settings(host="0.0.0.0"))}
    assert rows["COE_PORT"] | {"description": ""} == {
        "name": "COE_PORT",
        "value": "9000",
        "source": "environment (COE_PORT)",
        "description": "",
    }
    assert rows["COE_HOST"]["source"] == "argument"
    assert rows["COE_LOG_LEVEL"]["source"] == "default"
    assert rows["DATABASE_URL"]["value"] == "***"
    assert all(row["description"] for row in rows.values())
    assert "hidden" not in str(rows)


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COE_PORT", "many")
    with pytest.raises(StartError, match="COE_PORT"):
        load_settings()
    assert environment_name("redis_url") == "REDIS_URL"


def test_errors_have_openais_shape() -> None:
    error = ApiError(404, "model_not_found", "No such model.", param="model")
    assert error.body("req_1") == {
        "error": {
            "message": "No such model.",
            "type": "not_found_error",
            "param": "model",
            "code": "model_not_found",
            "request_id": "req_1",
        }
    }


def test_exploration_is_bounded_as_the_router_bounds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().exploration, Settings().memory) == (0.0, 0)
    monkeypatch.setenv("COE_EXPLORATION", str(MAX_EXPLORATION))
    assert load_settings().exploration == MAX_EXPLORATION
    for name, value in (
        ("COE_EXPLORATION", str(MAX_EXPLORATION + 0.01)),
        ("COE_EXPLORATION", "nan"),
        ("COE_MEMORY", "5001"),
        ("COE_MEMORY", "-1"),
    ):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            with pytest.raises(StartError, match=name):
                load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COE_PRIVATE_ADDRESSES", "10.0.0.0/8, not a host"),
        ("COE_WEBHOOK_PRIVATE_ADDRESSES", "10.0.0.0/99"),
        ("COE_CORS_ORIGINS", "*"),
        ("COE_CORS_ORIGINS", "https://a.example/path"),
        ("COE_CORS_ORIGINS", "https://a.example, b.example"),
        ("COE_CORS_ORIGINS", "https://user@a.example"),
    ],
)
def test_lists_that_cannot_be_read_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartError, match=name):
        load_settings()


def test_origins_are_split() -> None:
    assert split_origins(" https://a.example,http://localhost:3000, ") == [
        "https://a.example",
        "http://localhost:3000",
    ]


def test_no_log_line_holds_a_secret_of_the_settings_nor_one_that_is_hidden(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COE_GUARDRAIL_KEY", "the-guards-own-key")
    hide("from/a+store")
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        configure_logging(load_settings())
        log = logging.getLogger("a.module")
        log.error(
            "%s %r", "from/a+store", ["sk-" + "x" * 20], exc_info=ValueError("the-guards-own-key")
        )
        written = capsys.readouterr().err
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    assert "*** ['***']" in written
    assert "ValueError: ***" in written
