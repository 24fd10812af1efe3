"""One client's heavy requests do not hold up everybody else's light ones.

All requests are served by one event loop, so what is heavy has to be done there in short turns or
elsewhere. Measured on two busy cores: 99 of 100 answers within 40 ms while 15 MB bodies come in,
within 150 ms while a catalogue of a thousand experts is rewritten; the longest single wait was
280 ms. The bounds leave room for slower machines and still find a handler that blocks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import NOT_ROUTED, upstream_expert

BOUND = 0.250
"""Seconds for 99 of 100 answers: the pause that a person begins to notice."""
LOAD_SECONDS = 0.7
LONGEST = 1.0
"""Seconds for every answer: one request that blocks once does not show among the 99."""
PROBE = Path(__file__).with_name("probe.py")
SENTENCE = "The quick brown fox jumps over the lazy dog and runs away. "


@dataclass
class Latency:
    """Seconds that the second client waited for each of its answers."""

    seconds: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        """What 99 of 100 answers took at most."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]

    def check(self) -> None:
        """Fail if it was too long, as a rule or once."""
        assert len(self.seconds) > 20
        longest = max(self.seconds)
        assert self.p99 < BOUND, f"p99 {self.p99:.3f} s, longest {longest:.3f} s"
        assert longest < LONGEST, f"p99 {self.p99:.3f} s, longest {longest:.3f} s"


@contextmanager
def second_client(server: Server) -> Iterator[Latency]:
    """Let a second client ask ``/healthz`` all the time; the latencies are there at the end."""
    latency = Latency()
    probe = subprocess.Popen(
        [sys.executable, str(PROBE), server.url.removeprefix("http://")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with probe:
        assert probe.stdout is not None
        assert probe.stdout.readline() == "asking\n"
        yield latency
        printed, _ = probe.communicate()
    latency.seconds += json.loads(printed)


def _text(size: int) -> str:
    return SENTENCE * (size // len(SENTENCE))


def _body(model: str, content: Any, **fields: Any) -> bytes:
    message = {"role": "user", "content": content}
    return json.dumps({"model": model, "messages": [message], **fields}).encode()


def _image(size: int) -> list[dict[str, Any]]:
    url = "data:image/png;base64," + "A" * size
    return [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]


LOADS: dict[str, tuple[str, Callable[[], bytes]]] = {  # path, body
    "15 MB of text": ("/v1/chat/completions", lambda: _body("heavy", _text(15_000_000))),
    "a 15 MB image": ("/v1/chat/completions", lambda: _body("heavy", _image(15_000_000))),
    "a 1 MB prompt": ("/v1/chat/completions", lambda: _body("heavy", _text(1_000_000))),
    "a 1 MB prompt to route": ("/v1/route", lambda: _body("coe", _text(1_000_000))),
    "100 000 messages": (
        "/v1/chat/completions",
        lambda: json.dumps(
            {"model": "heavy", "messages": [{"role": "user", "content": "hi"}] * 100_000}
        ).encode(),
    ),
    "5000 tools to route": (
        "/v1/route",
        lambda: _body("coe", "hi", tools=[{"type": "function", "function": {"name": "f"}}] * 5000),
    ),
}


@pytest.mark.parametrize("load", LOADS)
def test_a_heavy_request_does_not_hold_up_others(server: Server, load: str) -> None:
    path, body_of = LOADS[load]
    body = body_of()
    with (
        upstream_expert(server, "heavy", "fixed:seen", context_window=100_000_000),
        httpx.Client(base_url=server.url, headers=server.headers, timeout=60) as client,
        second_client(server) as latency,
    ):
        asked, until = 0, time.monotonic() + LOAD_SECONDS
        while asked < 4 or time.monotonic() < until:
            answer = client.post(path, content=body)
            assert answer.status_code in {200, 503}, answer.text  # too long to be routed: 503
            asked += 1
    latency.check()


def test_many_changes_of_the_catalogue_do_not_hold_up_others(server: Server) -> None:
    entries = [
        {"id": f"crowd-{n}", "provider": "scripted", "model": "echo", **NOT_ROUTED}
        for n in range(200)
    ]
    with server.client() as client:
        try:
            with second_client(server) as latency:
                applied = client.post("/admin/api/experts/apply", json={"experts": entries})
                assert applied.status_code == 200, applied.text
                for n in range(30):
                    changed = {**entries[n], "description": f"Change {n}."}
                    path = f"/admin/api/experts/{entries[n]['id']}"
                    assert client.put(path, json=changed).status_code == 200
        finally:
            shared = {"experts": server.experts, "prune": True}
            assert client.post("/admin/api/experts/apply", json=shared).status_code == 200
    latency.check()
