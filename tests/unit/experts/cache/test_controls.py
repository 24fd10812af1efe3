"""What a request says of caches."""

from __future__ import annotations

from typing import Any

import pytest

from experts.cache.controls import ControlError, Controls, controls_of, narrowed


@pytest.mark.parametrize(
    ("header", "extension", "expected"),
    [
        (None, None, Controls()),
        ("no-cache", None, Controls(read=False)),
        ("No-Store", None, Controls(read=False, write=False)),
        ("max-age=30", None, Controls(max_age=30)),
        ('max-age="30", foo=1', {"max_age": 10}, Controls(max_age=10)),
        ("max-age=5", {"max_age": 10}, Controls(max_age=5)),
        ("max-age=soon, private", None, Controls()),
        (None, False, Controls(read=False, write=False)),
        (None, {"sampled": True, "ttl": 60}, Controls(sampled=True, ttl=60)),
        ("no-cache", {"write": False}, Controls(read=False, write=False)),
        (None, {"similar": False}, Controls(similar=False)),
    ],
)
def test_controls(header: str | None, extension: Any, expected: Controls) -> None:
    assert narrowed(controls_of(extension) or Controls(), header) == expected


@pytest.mark.parametrize(
    ("extension", "param"),
    [
        ("yes", "coe.cache"),
        ({"read": 1}, "coe.cache.read"),
        ({"max_age": -1}, "coe.cache.max_age"),
        ({"ttl": True}, "coe.cache.ttl"),
        ({"ttl": float("nan")}, "coe.cache.ttl"),
        ({"tll": 1}, "coe.cache"),
    ],
)
def test_what_cannot_be_understood_is_named(extension: Any, param: str) -> None:
    with pytest.raises(ControlError) as raised:
        controls_of(extension)
    assert raised.value.param == param


def test_what_says_nothing_asks_for_nothing() -> None:
    assert controls_of(None) is None
    assert controls_of(True) == Controls()
