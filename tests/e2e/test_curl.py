"""The service from a shell."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Server
from tests.e2e.support import question

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def curl(server: Server, path: str, *options: str, body: object = None) -> tuple[int, str]:
    """Return the status and what curl printed."""
    command = ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *options]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    done = subprocess.run(
        [*command, f"{server.url}{path}"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


def bearer(server: Server) -> tuple[str, str]:
    return "-H", f"Authorization: Bearer {server.key}"


def test_an_answer(server: Server) -> None:
    status, text = curl(
        server, "/v1/chat/completions", *bearer(server), body=question("coe", "one two three")
    )
    assert status == 200
    assert json.loads(text)["choices"][0]["message"]["content"] == "one two three"


def test_a_stream_comes_line_by_line(server: Server) -> None:
    status, text = curl(
        server,
        "/v1/chat/completions",
        "-N",
        "-i",
        *bearer(server),
        body=question("generalist", "one two three", stream=True),
    )
    assert status == 200
    head, _, events = text.partition("\n\n")
    assert "content-type: text/event-stream" in head.lower()
    assert "x-coe-request-id: req_" in head.lower()
    blocks = events.strip().split("\n\n")
    assert all(block.startswith("data: ") for block in blocks)
    assert blocks[-1] == "data: [DONE]"
    assert json.loads(blocks[0].removeprefix("data: "))["object"] == "chat.completion.chunk"


def test_the_key_in_the_other_header(server: Server) -> None:
    status, text = curl(server, "/v1/models", "-H", f"x-api-key: {server.key}")
    assert status == 200
    assert json.loads(text)["object"] == "list"


def test_without_a_key(server: Server) -> None:
    status, text = curl(server, "/v1/models", "-i")
    assert status == 401
    assert "www-authenticate: bearer" in text.lower()
    assert json.loads(text.rpartition("\n")[2])["error"]["type"] == "authentication_error"


def test_probes_need_no_key(server: Server) -> None:
    assert curl(server, "/healthz") == (200, '{"status":"ok"}')
    status, text = curl(server, "/readyz")
    assert status == 200
    assert set(json.loads(text)["checks"].values()) == {"ok"}
    assert curl(server, "/docs")[0] == 200


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-X", "DELETE", "/v1/models"], 405),
        (["/v2/nothing"], 404),
        (["-d", "{not json", "/v1/chat/completions"], 400),
        (["-d", "", "/v1/chat/completions"], 400),
        (["-d", "[]", "/v1/route"], 400),
        (["-X", "POST", "-d", "{", "/admin/api/keys"], 400),
    ],
)
def test_every_error_has_one_shape(server: Server, options: list[str], expected: int) -> None:
    *flags, path = options
    status, text = curl(server, path, *bearer(server), *flags)
    assert status == expected, text
    error = json.loads(text)["error"]
    assert set(error) == {"message", "type", "param", "code", "request_id"}
    assert error["request_id"].startswith("req_")
    assert error["message"]


def test_a_body_too_large_is_refused_before_it_is_sent(server: Server, tmp_path: Path) -> None:
    """The default limit is 20 MiB; curl asks with ``Expect: 100-continue`` first."""
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(21 * 1024 * 1024)
    status, text = curl(
        server, "/v1/chat/completions", *bearer(server), "--data-binary", f"@{large}"
    )
    assert status == 413
    assert json.loads(text)["error"]["code"] == "body_too_large"


def test_head_and_options_do_no_harm(server: Server) -> None:
    for method in ("HEAD", "OPTIONS"):
        flags = ["--head"] if method == "HEAD" else ["-X", method]
        assert curl(server, "/v1/models", *bearer(server), *flags)[0] in {200, 405}
