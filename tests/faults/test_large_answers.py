"""An answer of ten megabytes in one piece: unusual, and an answer all the same."""

from __future__ import annotations

import psutil
import pytest

from tests.faults.asking import Ask, ask_all, rows_by_id
from tests.faults.broken_answers import LARGE, LARGE_BYTES
from tests.faults.cases import KINDS, Kind
from tests.faults.stores import Cluster

_MEMORY = 12 * LARGE_BYTES
"""How much a process may grow by one such answer."""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_large_piece_comes_whole_and_is_billed_as_counted(
    cluster: Cluster, kind: Kind
) -> None:
    replica = cluster.replicas[0]
    assert replica.process is not None
    process = psutil.Process(replica.process.pid)
    before = process.memory_info().rss
    asked = Ask(kind, LARGE, cluster.key, streamed=kind == "streamed")
    seen = (await ask_all(replica, [asked]))[kind]
    assert seen.status == 200
    assert seen.text == "x" * LARGE_BYTES
    assert process.memory_info().rss < before + _MEMORY
    (row,) = (await rows_by_id(replica, [seen.request_id]))[seen.request_id]
    assert (row["status"], row["tokens_estimated"]) == ("ok", False)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (3, 1)
