"""Idle clients must not keep others out."""

from __future__ import annotations

import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.e2e.conftest import Server

IDLE = 2_500


@pytest.fixture
def many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < IDLE + 500:
        pytest.skip(f"only {before[1]} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], IDLE + 500), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
def test_who_comes_after_thousands_of_idle_clients_is_served_at_once(server: Server) -> None:
    place = urlsplit(server.url)
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(socket.create_connection((place.hostname, place.port), 5))
        assert httpx.get(f"{server.url}/healthz", timeout=5).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are Linux's to tell")
def test_the_service_may_have_as_many_files_open_as_it_is_allowed(server: Server) -> None:
    assert server.process is not None
    soft, hard = psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_NOFILE)
    assert soft == hard or soft >= 65_536
