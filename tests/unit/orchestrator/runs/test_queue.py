"""Redis URLs in the form that Celery takes."""

from __future__ import annotations

import pytest

from orchestrator.kit.queue import broker_url


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("rediss://:secret@cache:6380/2", "rediss://:secret@cache:6380/2"),
        ("unix:///var/lib/coe/valkey.sock", "redis+socket:///var/lib/coe/valkey.sock?virtual_host=0"),
        ("unix:///run/v.sock?db=3", "redis+socket:///run/v.sock?virtual_host=3"),
        ("unix://:secret@/run/v.sock", "redis+socket://:secret@/run/v.sock?virtual_host=0"),
    ],
)  # fmt: skip
def test_broker_url(given: str, taken: str) -> None:
    assert broker_url(given) == taken
