"""What comes with a request for a strategy: read, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.checks import NO_CHECKS, Checks
from orchestrator.conductor.grounds import (
    NO_GROUNDS,
    bounded,
    checked_grounds,
    with_format,
    written,
)
from orchestrator.conductor.limits import Limits
from orchestrator.kit.errors import ApiError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)
SCHEMA = {"type": "object"}


def test_checks_are_read() -> None:
    given_checks = [{"regex": "^x"}, {"schema": SCHEMA}, {"equations": True}, {"units": True}]
    found = checked_grounds({"checks": given_checks}).checks
    assert found == Checks(("^x",), (SCHEMA,), equations=True, units=True)
    assert checked_grounds({}) is NO_GROUNDS
    assert checked_grounds({"checks": []}).checks == NO_CHECKS


@pytest.mark.parametrize(
    ("extension", "param"),
    [
        ({"checks": {}}, "coe.checks"),
        ({"checks": [{"units": True}] * 21}, "coe.checks"),
        ({"checks": ["units"]}, "coe.checks[0]"),
        ({"checks": [{"units": True}, {}]}, "coe.checks[1]"),
        ({"checks": [{"units": True, "equations": True}]}, "coe.checks[0]"),
        ({"checks": [{"units": False}]}, "coe.checks[0]"),
        ({"checks": [{"spelling": True}]}, "coe.checks[0]"),
        ({"checks": [{"regex": 3}]}, "coe.checks[0].regex"),
        ({"checks": [{"regex": "("}]}, "coe.checks[0].regex"),
        ({"checks": [{"schema": "x"}]}, "coe.checks[0].schema"),
        ({"checks": [{"schema": {"type": 3}}]}, "coe.checks[0].schema"),
        ({"context": [3]}, "coe.context[0]"),
        ({"facts": [["a", "b"]]}, "coe.facts[0]"),
        ({"limits": 3}, "coe.limits"),
        ({"limits": {"luck": 1}}, "coe.limits.luck"),
        ({"limits": {"calls": 1.5}}, "coe.limits.calls"),
        ({"limits": {"calls": True}}, "coe.limits.calls"),
        ({"limits": {"usd": 0}}, "coe.limits.usd"),
        ({"approval": ["python"]}, "coe.approval"),
    ],
)
def test_what_is_wrong_is_named(extension: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        checked_grounds(extension)
    assert (caught.value.status, caught.value.param) == (400, param)


@given(JSON)
def test_anything_is_read_or_refused(value: Any) -> None:
    try:
        checked_grounds({"checks": value})
    except ApiError as error:
        assert error.status == 400


def test_limits_are_those_asked_for_and_else_those_allowed() -> None:
    asked = checked_grounds({"limits": {"calls": 3, "usd": 0.5}}).limits
    assert bounded(Limits(), asked) == Limits(calls=3, usd=0.5)
    with pytest.raises(ApiError, match="at most 32") as caught:
        bounded(Limits(), {"calls": 33}, place="changes.")
    assert caught.value.param == "changes.limits.calls"


def test_checks_are_shown_as_they_were_asked_for() -> None:
    given_checks = [{"regex": "^x"}, {"schema": SCHEMA}, {"equations": True}, {"units": True}]
    assert written(checked_grounds({"checks": given_checks}).checks) == given_checks


def test_the_format_asked_for_is_a_check() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
    assert with_format(NO_CHECKS, wanted).schemas == (SCHEMA,)
    for other in (None, {}, {"type": "json_object"}, {"type": "json_schema", "json_schema": 3}):
        assert with_format(NO_CHECKS, other) == NO_CHECKS
    with pytest.raises(ApiError) as caught:
        with_format(NO_CHECKS, {"type": "json_schema", "json_schema": {"schema": 3}})
    assert caught.value.param == "response_format.json_schema.schema"
