"""Connections that end where nobody expects it: clients that leave, and a pool gone stale."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import eventually, question, rows_of
from tests.faults.asking import make_keys
from tests.faults.broken_wire import STALE
from tests.faults.cases import KINDS, Kind
from tests.faults.conftest import HEALTHY
from tests.faults.exchange import TEXT
from tests.faults.upstream import FaultyUpstream

_PATIENCE = 1.0
"""Seconds after which a client gives up; well before the service does."""


def _leave(server: Server, model: str, key: str, kind: Kind) -> bytes:
    """Ask, hang up after a while, and return what had come."""
    body = question(model, stream=kind == "streamed")
    headers, got = {"authorization": f"Bearer {key}"}, b""
    with httpx.Client(base_url=server.url, headers=headers, timeout=_PATIENCE) as client:
        try:
            with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                for part in answer.iter_raw():
                    got += part
        except httpx.TimeoutException:
            return got
    pytest.fail(f"the answer ended before the client left: {got!r}")


def _cancelled(server: Server, expert: str) -> list[dict[str, Any]]:
    return [row for row in rows_of(server, expert) if row["status"] == "cancelled"]


def _check_left(server: Server, upstream: FaultyUpstream, expert: str) -> dict[str, Any]:
    """See that nobody is asked any more and that there is one row; return it."""
    assert eventually(lambda: upstream.ledger.open == 0, 1.0), "the expert was not told to stop"
    (row,) = eventually(lambda: _cancelled(server, expert))
    taken = [one for one in upstream.ledger.taken if one.request_id == row["request_id"]]
    assert len(taken) == 1, "somebody else was asked for a client that has left"
    return dict(row)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_leaves_before_the_answer_is_not_answered_elsewhere(
    service: Server, upstream: FaultyUpstream, kind: Kind
) -> None:
    expert = f"hang-first.first-{kind}"
    key = (await make_keys(service, [(kind, [expert, HEALTHY])]))[kind]
    assert _leave(service, "coe-quality", key, kind) == b""
    row = _check_left(service, upstream, expert)
    assert row["completion_tokens"] == 0
    assert row["first_token_ms"] is None
    assert row["error_code"] is None


def test_a_client_that_leaves_midway_pays_for_what_was_produced(
    service: Server, upstream: FaultyUpstream
) -> None:
    expert = "hang-midway.alone-streamed"
    got = _leave(service, expert, service.key, "streamed")
    assert b"alpha" in got
    assert b"[DONE]" not in got
    row = _check_left(service, upstream, expert)
    (taken,) = (one for one in upstream.ledger.taken if one.request_id == row["request_id"])
    assert 0 < row["completion_tokens"] <= 2 * taken.sent_tokens
    assert row["tokens_estimated"] is True
    assert row["cost_usd"] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_was_closed_while_idle_is_no_failure(service: Server, kind: Kind) -> None:
    with service.client() as client:
        for _ in range(3):
            asked = question(STALE, stream=kind == "streamed")
            answer = client.post("/v1/chat/completions", json=asked)
            assert answer.status_code == 200, answer.text
            assert TEXT.split()[-1] in answer.text
    streamed = kind == "streamed"
    rows = eventually(lambda: [r for r in rows_of(service, STALE) if r["streamed"] is streamed])
    assert {row["status"] for row in rows} == {"ok"}
