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
        ("unix:///tmp/v.sock?db=3", "redis+socket:///tmp/v.sock?virtual_host=3"),
        ("unix://:secret@/tmp/v.sock", "redis+socket://:secret@/tmp/v.sock?virtual_host=0"),
    ],
)  # fmt: skip
def test_broker_url(given: str, taken: str) -> None:
    assert broker_url(given) == taken
