from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import timeit
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from experts import tracing
from orchestrator.kit import logs_context
from orchestrator.kit.http import RequestFrame
from orchestrator.kit.logs import (
    JsonFormatter,
    RedactingFormatter,
    configure_logging,
    facts,
    hide,
)
from orchestrator.kit.settings import load_settings

log = logging.getLogger("a.module")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged in JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log.addHandler(handler)
    yield stream
    log.removeHandler(handler)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_whatever_is_said(written: io.StringIO) -> None:
    extra = facts(count=3, of={"a": [1.5, None]})
    log.error('two\nlines "quoted" %s', "ü", extra=extra, exc_info=ValueError("wrong\nhere"))
    (line,) = lines(written)
    assert line["message"] == 'two\nlines "quoted" ü'
    assert (line["level"], line["logger"], line["count"], line["of"]) == (
        "error", "a.module", 3, {"a": [1.5, None]},
    )  # fmt: skip
    assert line["exception"].endswith("ValueError: wrong\nhere")
    assert line["time"].endswith("Z")
    assert len(line["time"]) == len("2026-01-01T00:00:00.000Z")


def test_no_field_holds_a_secret(written: io.StringIO) -> None:
    hide("a-very-private-value")
    secret = "a-very-private-value"
    log.error("with %s", secret, extra=facts(deep=[{"x": secret}]), exc_info=KeyError(secret))
    assert "a-very-private-value" not in written.getvalue()
    assert lines(written)[0]["deep"] == [{"x": "***"}]


def test_a_line_names_what_is_worked_on(written: io.StringIO) -> None:
    log.warning("before")
    with logs_context.working(run_id="run_1", tenant="acme"):
        log.warning("within")
    log.warning("after")
    before, within, after = lines(written)
    assert (within["run_id"], within["tenant"]) == ("run_1", "acme")
    assert {"run_id", "tenant"}.isdisjoint({*before, *after})


async def test_requests_at_once_and_what_they_start_are_told_apart(written: io.StringIO) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        logs_context.note_tenant(scope["path"])
        await asyncio.sleep(0)
        await asyncio.gather(asyncio.to_thread(log.warning, scope["path"]), _logged(scope["path"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen[scope["path"]] = scope["state"]["request_id"]

    async def _logged(path: str) -> None:
        log.warning(path)

    async def send(message: Any) -> None:
        pass

    seen: dict[str, str] = {}
    frame = RequestFrame(app, send_timeout=1)
    scopes = [{"type": "http", "path": f"/{n}", "headers": [], "method": "GET"} for n in range(5)]
    await asyncio.gather(*(frame(scope, None, send) for scope in scopes))  # type: ignore[arg-type]
    found = lines(written)
    assert len(found) == 10
    for line in found:
        assert line["request_id"] == seen[line["message"]]
        assert line["tenant"] == line["message"]
    assert logs_context.ids() == {}


def test_a_line_names_the_trace_that_is_sent(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tracer:
        sampled = "01"

        def current(self) -> dict[str, str]:
            return {"traceparent": f"00-{'a' * 32}-{'b' * 16}-{self.sampled}"}

    tracer = Tracer()
    monkeypatch.setattr(tracing, "active", tracer)
    log.warning("sent")
    tracer.sampled = "00"
    log.warning("not sent")
    sent, other = lines(written)
    assert (sent["trace_id"], sent["span_id"]) == ("a" * 32, "b" * 16)
    assert "trace_id" not in other


def test_text_ends_with_the_request_unless_it_names_it() -> None:
    formatter = RedactingFormatter("%(message)s")

    def line(message: str) -> str:
        return formatter.format(logging.makeLogRecord({"msg": message}))

    with logs_context.working(request_id="req_1"):
        assert line("away") == "away [req_1]"
        assert line("req_1 is away") == "req_1 is away"
    assert line("away") == "away"


def test_stages_add_up() -> None:
    with logs_context.working(request_id="req_1"):
        logs_context.mark("read")
        logs_context.mark("route")
        logs_context.mark("read")
        taken = logs_context.stages()
    assert taken is not None
    whole, stages = taken
    assert list(stages) == ["read", "route"]
    assert 0 < sum(stages.values()) <= whole
    logs_context.mark("nothing is worked on")
    assert logs_context.stages() is None


def test_json_is_set_and_what_others_say_is_json_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COE_LOG_FORMAT", "json")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            configure_logging(load_settings())
            warnings.warn("old", stacklevel=1)
            logging.captureWarnings(False)
        sys.excepthook(ValueError, ValueError("nobody caught\nme"), None)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    warned, ended = (json.loads(one) for one in capsys.readouterr().err.splitlines())
    assert (warned["logger"], "old" in warned["message"]) == ("py.warnings", True)
    assert (ended["level"], ended["exception"]) == ("critical", "ValueError: nobody caught\nme")


def test_what_is_not_written_costs_next_to_nothing() -> None:
    """A request takes milliseconds; knowing of it for log lines takes a few microseconds at most."""

    def request() -> None:
        token = logs_context.enter({"request_id": "req_1"})
        logs_context.note_tenant("default")
        for stage in ("read", "route", "cache", "limits", "expert"):
            logs_context.mark(stage)
        logs_context.leave(token)

    best = min(timeit.repeat(request, number=1000, repeat=5)) / 1000
    assert best < 25e-6, f"{best * 1e6:.1f} us"
