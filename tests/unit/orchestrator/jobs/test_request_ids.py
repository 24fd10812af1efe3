from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.jobs.record import request_id_of
from orchestrator.kit.ids import time_of

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.text(min_size=1, max_size=40), st.integers(1, 10**9), MOMENTS)
def test_an_item_has_the_same_id_again_and_it_tells_when_it_began(
    job_id: str, number: int, moment: datetime
) -> None:
    found = request_id_of(job_id, number, moment)
    assert found == request_id_of(job_id, number, moment)
    assert timedelta(0) <= moment - time_of(found) < timedelta(milliseconds=1)


def test_items_have_different_ids() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    found = {request_id_of("batch_1", number, moment) for number in range(10_000)}
    assert len(found) == 10_000
