"""A service in front of the upstream, with short deadlines and an expert for every fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import NOT_ROUTED
from tests.faults.behaviours import BEHAVIOURS
from tests.faults.broken_answers import LARGE
from tests.faults.broken_wire import STALE
from tests.faults.cases import CASES, DOORS, FIRST_TOKEN_SECONDS, IDLE_SECONDS, KINDS, WHOLE_SECONDS
from tests.faults.load import slowly, tagged, unsteady
from tests.faults.stores import Cluster, running_cluster
from tests.faults.upstream import FaultyUpstream

PRICE = {"input": 3.0, "output": 15.0}
HEALTHY = "healthy"
FAILING_SHARE = 0.05
SIZES = {"large": 70.0, "middle": 30.0, "small": 8.0, "tiny": 1.0}
"""Experts by billions of parameters; so many that hardly ever all of them fail at one request."""
_SEED = 20260720


def expert(name: str, url: str, **fields: Any) -> dict[str, Any]:
    """Return the entry of an expert behind the upstream; its own name says how it behaves."""
    entry = {
        "id": name.replace("/", "."),
        "provider": "openai",
        "model": name,
        "endpoints": [{"url": url}],
        "price": PRICE,
        "capabilities": ["streaming", "tools", "json"],
        "context_window": 1_000_000,
    }
    return entry | fields


def faulty_experts(upstream: FaultyUpstream) -> Iterator[dict[str, Any]]:
    """Yield the experts of each fault and kind.

    One is asked by name and has no substitute, one is routed to first, one has a second endpoint
    that is well.
    """
    for case in CASES:
        url = upstream.url(case.name if case.name in DOORS else "")
        for kind in KINDS:
            yield expert(f"{case.name}/alone-{kind}", url, **NOT_ROUTED)
            yield expert(f"{case.name}/first-{kind}", url, active_parameters=70.0)
            both = [{"url": url, "weight": 100.0}, {"url": upstream.well_url}]
            yield expert(f"{case.name}/spread-{kind}", url, endpoints=both, **NOT_ROUTED)


@pytest.fixture(scope="session")
def unsteady_upstream() -> Iterator[FaultyUpstream]:
    """An upstream of which some experts fail now and then, and some tell who asks."""
    behaviours = {
        "unsteady": unsteady(FAILING_SHARE, _SEED),
        "tagged": tagged,
        "slowly": slowly,
        LARGE: BEHAVIOURS[LARGE],
    }
    with FaultyUpstream(behaviours) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(scratch: Path, unsteady_upstream: FaultyUpstream) -> Iterator[Cluster]:
    """Two replicas on stores that can be stopped, shared by the tests of this folder."""
    url = unsteady_upstream.url()
    experts = [
        *(expert(f"unsteady/{n}", url, active_parameters=size) for n, size in SIZES.items()),
        # As good as each other, so that nothing speaks against staying with either.
        *(expert(f"tagged/{n}", url, active_parameters=1.0, tags=["tagged"]) for n in "ab"),
        *(expert(name, url, **NOT_ROUTED) for name in ("steady", "slowly", LARGE)),
    ]
    with running_cluster(scratch / "cluster", experts) as running:
        yield running
        for replica in running.replicas:
            assert "Traceback" not in replica.log, replica.log


@pytest.fixture(scope="session")
def upstream() -> Iterator[FaultyUpstream]:
    """The upstream that misbehaves."""
    with FaultyUpstream(BEHAVIOURS) as running:
        yield running


@pytest.fixture(scope="session")
def service(scratch: Path, upstream: FaultyUpstream) -> Iterator[Server]:
    """The service before it."""
    server = Server(
        scratch / "faults",
        experts=[
            *faulty_experts(upstream),
            expert(HEALTHY, upstream.url(), active_parameters=1.0, context_window=2_000_000),
            expert(STALE, upstream.url(), **NOT_ROUTED),
        ],
        environ={
            "COE_FIRST_TOKEN_TIMEOUT": str(FIRST_TOKEN_SECONDS),
            "COE_REQUEST_TIMEOUT": str(WHOLE_SECONDS),
            "COE_IDLE_TIMEOUT": str(IDLE_SECONDS),
            # Longer than all of it takes, so that what has opened is open still.
            "COE_BREAKER_COOL_DOWN": "3600",
            "COE_WORKER": "false",
        },
    ).start()
    yield server
    assert server.stop() == 0, server.log
    assert "Traceback" not in server.log, server.log
