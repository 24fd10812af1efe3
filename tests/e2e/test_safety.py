"""Secrets stay where they are, whatever an upstream does with them; answers are sent with care."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import added_expert, question, settled_rows

MARK = "unlike4711any"
SECRET = f"no/known+shape={MARK}/key"
GOOD = 'data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n'

FAULTS: dict[str, tuple[int, str, str]] = {
    "refuses": (400, "application/json", '{"error":{"message":"bad key KEY or \\"KEY\\""}}'),
    "knows-not": (401, "text/plain", "Unauthorized: authorization=Bearer KEY"),
    "fails": (500, "text/html", "<h1>KEY</h1> api_key=KEY"),
    "is-busy": (429, "application/json", '{"error":{"message":"KEY","code":"URLKEY"}}'),
    "is-a-page": (200, "text/html", "<p>Signed in as KEY</p>"),
    "reports": (200, "application/json", '{"error":{"message":"KEY","type":"invalid_request_error"}}'),
    "breaks": (200, "text/event-stream", GOOD + 'data: {"error":{"message":"KEY","key":"KEY"}}\n\n'),
    "babbles": (200, "text/event-stream", "data: KEY is no JSON\n\n"),
    "leads-away": (302, "text/plain", "see KEY"),
}  # fmt: skip


class Echoing(BaseHTTPRequestHandler):
    """An upstream that says its caller's key in every way it can think of."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        key = self.headers["authorization"].removeprefix("Bearer ")
        status, kind, body = FAULTS[asked["model"]]
        told = body.replace("URLKEY", quote(key, safe="")).replace("KEY", key).encode()
        self.send_response(status, f"Because of {key}")
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(told)))
        self.send_header("x-key", key)
        self.send_header("location", f"http://127.0.0.1:1/{quote(key)}")
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echoing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def everything_said(answer: httpx.Response) -> str:
    return f"{answer.reason_phrase} {dict(answer.headers)} {answer.text}"


def ask(client: httpx.Client, case: tuple[str, bool]) -> str:
    fault, stream = case
    body = question(f"safety-{fault}", stream=stream)
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code >= 400 or '"error"' in answer.text, case
    assert MARK not in everything_said(answer), case
    return everything_said(answer)


def test_a_secret_is_nowhere_to_be_read(server: Server, upstream: str) -> None:
    with server.client() as client, ExitStack() as stack:
        client.put("/admin/api/secrets/crawled", json={"value": SECRET}).raise_for_status()
        for fault in FAULTS:
            entry = {
                "id": f"safety-{fault}",
                "provider": "openai",
                "model": fault,
                "endpoints": [{"url": upstream, "api_key": {"stored": "crawled"}}],
            }
            stack.enter_context(added_expert(server, **entry))
        threads = stack.enter_context(ThreadPoolExecutor(2 * len(FAULTS)))
        cases = [(fault, stream) for fault in FAULTS for stream in (False, True)]
        said = list(threads.map(partial(ask, client), cases))
        assert "bad key ***" in said[0]
        for rows in threads.map(lambda fault: settled_rows(server, f"safety-{fault}", 2), FAULTS):
            assert [row["status"] for row in rows] == ["failed", "failed"]
            said += [json.dumps(rows), *(_row(client, row["request_id"]) for row in rows)]
        for path in ("config", "secrets", "experts", "breakers", "audit"):
            answer = client.get(f"/admin/api/{path}")
            assert answer.status_code == 200
            said.append(everything_said(answer))
        client.delete("/admin/api/secrets/crawled").raise_for_status()
    assert all(MARK not in text for text in said)
    assert MARK not in server.log
    spooled = [path for path in server.data_dir.rglob("usage.spool*") if path.is_file()]
    assert all(MARK.encode() not in path.read_bytes() for path in spooled)


def _row(client: httpx.Client, request_id: str) -> str:
    return client.get(f"/admin/api/usage/{request_id}").text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"endpoints": [{"url": f"http://me:{MARK}@127.0.0.1/v1"}]}, "endpoints[0].url"),
        ({"parameters": {"api_key": MARK}}, "parameters.api_key"),
        ({"parameters": {"aws_secret_access_key": MARK}}, "parameters.aws_secret_access_key"),
        ({"endpoints": [{"url": "http://127.0.0.1/v1", "headers": {"Authorization": MARK}}]},
         "endpoints[0].headers"),
        ({"endpoints": [{"url": "http://127.0.0.1/v1", "api_key": MARK}]}, "endpoints[0].api_key"),
        ({"endpoints": [{"url": "http://10.0.0.1/v1"}]}, "endpoints[0].url"),
        ({"endpoints": [{"url": "http://[::ffff:169.254.169.254]/"}]}, "endpoints[0].url"),
        ({"provider": "litellm", "parameters": {"api_base": "http://169.254.169.254"}},
         "parameters.api_base"),
    ],
)  # fmt: skip
def test_entries_hold_no_secret_and_lead_nowhere_private(
    server: Server, changes: dict[str, Any], field: str
) -> None:
    entry = {
        "id": "safety-wrong",
        "provider": "openai",
        "model": "m",
        "endpoints": [{"url": "http://127.0.0.1/v1"}],
        **changes,
    }
    with server.client() as client:
        answers = [
            client.post("/admin/api/experts", json=entry),
            client.post("/admin/api/experts/apply", json={"experts": [entry]}),
        ]
    for answer in answers:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_expert")
        assert answer.json()["error"]["param"].endswith(field)
        assert MARK not in everything_said(answer)
    assert MARK not in server.log


def test_answers_are_sent_with_care(server: Server) -> None:
    with server.client() as client:
        for path, status in (("/docs", 200), ("/openapi.json", 200), ("/v1/models", 200),
                             ("/admin/api/config", 200), ("/nowhere", 404)):  # fmt: skip
            answer = client.get(path)
            assert answer.status_code == status
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "no-store" in answer.headers["cache-control"]
            assert "access-control-allow-origin" not in answer.headers
        page = client.get("/docs")
        for source in ("https://cdn.jsdelivr.net", "connect-src 'self'"):
            assert source in page.headers["content-security-policy"]
        assert "cdn.jsdelivr.net" in page.text
        refused = client.get("/v1/models", headers={"authorization": "Bearer wrong"})
        assert refused.headers["x-content-type-options"] == "nosniff"
