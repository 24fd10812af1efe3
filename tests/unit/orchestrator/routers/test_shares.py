"""Which requests belong to a share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.routers.shares import in_share

KEYS = [f"req_{n:032x}" for n in range(4000)]


def test_a_share_is_about_as_large_as_it_says() -> None:
    for share in (0.01, 0.1, 0.5, 0.9):
        found = sum(in_share(key, "rv_1", share) for key in KEYS) / len(KEYS)
        assert abs(found - share) < 0.03
    assert not any(in_share(key, "rv_1", 0.0) for key in KEYS)
    assert all(in_share(key, "rv_1", 1.0) for key in KEYS)


def test_two_shares_do_not_fall_on_the_same_keys() -> None:
    both = sum(in_share(k, "rv_1", 0.5) and in_share(k, "rv_2", 0.5) for k in KEYS) / len(KEYS)
    assert abs(both - 0.25) < 0.03


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_what_a_smaller_one_held(key: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert in_share(key, "rv_1", small) <= in_share(key, "rv_1", large)
