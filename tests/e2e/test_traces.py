"""A conductor's run over two processes, the service and its worker, is one tree of spans."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.e2e.conftest import Server
from tests.e2e.support import eventually

CANARY = "canary-of-a-task"


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Yield the address of a collector, and what has come: each span with its process."""
    seen: list[tuple[str, Any]] = []

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {a.key: a.value.string_value for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    seen.extend((named["coe.process"], span) for span in scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_run_over_two_processes_is_one_tree(own_server: Server) -> None:
    with collector() as (url, seen):
        own_server.worker = True
        own_server.environ = {
            "COE_OTLP_ENDPOINT": url,
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }
        own_server.start()
        body = {"strategy": "cascade", "messages": [{"role": "user", "content": CANARY}]}
        with own_server.client() as client:
            run = client.post("/v1/runs", json=body)
            assert run.status_code == 202, run.text

        def tree() -> bool:
            return any(span.name == "run cascade" for _, span in seen)

        assert eventually(tree, 20.0), [span.name for _, span in seen]
        own_server.stop()
    (root,) = [span for _, span in seen if span.name == "POST /v1/runs"]
    spans = {span.span_id: (process, span) for process, span in seen}
    ours = [(p, span) for p, span in seen if span.trace_id == root.trace_id]
    names = {span.name.split()[0] for _, span in ours}
    assert {"POST", "run", "step", "chat"} <= names
    assert {process for process, _ in ours} == {"serve", "worker"}
    for _, span in ours:
        assert span is root or span.parent_span_id in spans, span.name
    assert CANARY not in str(ours)
