"""Whatever is sent, the service answers as its OpenAPI document says, and never with a bug."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.conftest import Server

CONFIG = Path(__file__).with_name("schemathesis.toml")
ADMIN = "^/(admin|healthz|readyz|metrics)"
CHAT = "^/v1"
DIALECTS = "^/v1/(responses|messages|embeddings)"
SEED = 20
FUZZ = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def fuzzed(scratch: Path) -> Iterator[Server]:
    """A server that nothing but these tests uses."""
    server = Server(scratch / "fuzzed-server", worker=True).start()
    yield server
    assert server.stop() == 0, server.log
    assert "met a bug" not in server.log, server.log
    assert "Traceback" not in server.log, server.log


def _run_schemathesis(server: Server, directory: Path, *options: str) -> None:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={CONFIG}",
        "run",
        f"{server.url}/openapi.json",
        f"--header=Authorization: Bearer {server.key}",
        "--workers=1",
        f"--seed={SEED}",
        "--no-color",
        *options,
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=directory, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


OPERATIONS = {
    # Chat first, and apart from the catalogue's operations: it is answered by the scripted experts, and
    # what the fuzzer puts into the catalogue is never called.
    "chat": (f"--include-path-regex={CHAT}", f"--exclude-path-regex={DIALECTS}"),
    "other protocols": (f"--include-path-regex={DIALECTS}",),
    "administration": (
        f"--include-path-regex={ADMIN}",
        # A walk from operation to operation would end the key that it walks with.
        "--exclude-operation-id=revoke_key_admin_api_keys__key_id__delete",
        "--exclude-operation-id=rotate_key_admin_api_keys__key_id__rotate_post",
    ),
}


SAME_BODIES = tuple(
    f"--exclude-operation-id={name}"
    for name in (
        "apply_experts_admin_api_experts_apply_post",
        "update_expert_admin_api_experts__expert_id__put",
        "try_expert_admin_api_trials_post",
    )
)
"""They take an expert as creating one does, whose schema has a third of all edges: the slow tests try them as well."""


@pytest.mark.parametrize("operations", OPERATIONS)
def test_the_edges_of_every_schema(fuzzed: Server, tmp_path: Path, operations: str) -> None:
    _run_schemathesis(
        fuzzed, tmp_path, *OPERATIONS[operations], *SAME_BODIES, "--phases=examples,coverage"
    )


@pytest.mark.slow
@pytest.mark.parametrize("operations", OPERATIONS)
def test_random_requests_and_walks(fuzzed: Server, tmp_path: Path, operations: str) -> None:
    _run_schemathesis(fuzzed, tmp_path, *OPERATIONS[operations], "--max-examples=50")


# Bodies that no schema would think of


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        ["coe", "coe-quality", "generalist", "caller", "user", "tool", "\x00", "\ud800"]
    )
)
_JSON: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_PART = st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url", "x"]), "text": _JSON})
_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "system", "assistant", "tool"]) | _JSON},
    optional={
        "content": _JSON | st.text(max_size=200) | st.lists(_PART | _JSON, max_size=3),
        "tool_calls": _JSON,
        "name": _JSON,
    },
)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["coe", "coe-economy", "generalist", "caller"]) | _JSON,
    "messages": st.lists(_MESSAGE, min_size=1, max_size=4) | _JSON,
    "stream": st.booleans() | _JSON,
    "stream_options": st.fixed_dictionaries({"include_usage": _JSON}) | _JSON,
    "tools": st.lists(st.fixed_dictionaries({"type": _JSON, "function": _JSON})) | _JSON,
    "response_format": st.fixed_dictionaries({"type": _JSON}) | _JSON,
    "coe": st.fixed_dictionaries({"explain": _JSON}) | _JSON,
    "max_tokens": _JSON,
    "input": st.text(max_size=200) | _JSON,
}
_BODIES = st.fixed_dictionaries({}, optional=_FIELDS) | _JSON
EXPECTED = {200, 400, 401, 404, 413, 502, 503}
PATHS = ("/v1/chat/completions", "/v1/route")


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    headers = {**server.headers, "content-type": "application/json"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=20) as client:
        yield client


def _assert_expected(client: httpx.Client, path: str, body: bytes) -> None:
    answer = client.post(path, content=body)
    assert answer.status_code in EXPECTED, (path, body[:500], answer.text)
    if answer.status_code != 200:
        error = answer.json()["error"]
        assert error["request_id"] == answer.headers["x-coe-request-id"]
        assert error["message"]
        assert "failed unexpectedly" not in error["message"], (path, body[:500])


@pytest.mark.parametrize("path", PATHS)
def test_any_json(client: httpx.Client, path: str) -> None:
    @settings(FUZZ, max_examples=250)
    @given(_BODIES)
    def check(body: Any) -> None:
        _assert_expected(client, path, json.dumps(body).encode())

    check()


@pytest.mark.parametrize("path", PATHS)
def test_any_bytes(client: httpx.Client, path: str) -> None:
    whole = b'{"model":"coe","messages":[{"role":"user","content":"hi \\u00e9"}],"stream":true}'
    damaged = st.builds(
        lambda start, end, junk: whole[:start] + junk + whole[end:],
        st.integers(0, len(whole)),
        st.integers(0, len(whole)),
        st.binary(max_size=6),
    )

    @settings(FUZZ, max_examples=150)
    @given(st.binary(max_size=60) | damaged)
    def check(body: bytes) -> None:
        _assert_expected(client, path, body)

    check()


ASKED = {"model": "coe", "messages": [{"role": "user", "content": "hi"}]}
WRONG: list[tuple[str, dict[str, Any]]] = [  # the field that is to be named, and what is sent
    ("model", {"model": 5}),
    ("messages", {"messages": {}}),
    ("messages", {"messages": []}),
    ("messages", {"messages": None}),
    ("messages[1]", {"messages": [{"role": "user"}, "hi"]}),
    ("messages[0].role", {"messages": [{"role": 1}]}),
    ("tools", {"tools": {}}),
    ("tools[1]", {"tools": [{}, [None]]}),
    ("response_format", {"response_format": []}),
    ("coe", {"coe": 1}),
    ("coe.quality_floor", {"coe": {"quality_floor": 1.5}}),
    ("coe.max_cost", {"coe": {"max_cost": -1}}),
    ("coe.max_latency", {"coe": {"max_latency": "soon"}}),
]
WRONG_IN_CHAT: list[tuple[str, dict[str, Any]]] = [
    ("model", {"model": ""}),
    ("model", {"model": None}),
    ("stream", {"stream": "yes"}),
    ("coe.explain", {"coe": {"explain": 1}}),
]


@pytest.mark.parametrize(
    ("path", "param", "fields"),
    [(path, *wrong) for path in PATHS for wrong in WRONG]
    + [(PATHS[0], *wrong) for wrong in WRONG_IN_CHAT]
    + [(PATHS[1], "input", {"input": 5}), (PATHS[1], "model", {"model": "generalist"})],
)
def test_the_field_that_is_wrong_is_named(
    client: httpx.Client, path: str, param: str, fields: dict[str, Any]
) -> None:
    answer = client.post(path, json={**ASKED, **fields})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


NESTED = 200_000
MONSTERS = {
    "deep array": b"[" * NESTED,
    "deep object": b'{"a":' * NESTED + b"1" + b"}" * NESTED,
    "deep field": b'{"model":"coe","messages":' + b"[" * NESTED + b"]" * NESTED + b"}",
    "deep content": b'{"model":"coe","messages":[{"role":"user","content":'
    + b"[" * NESTED
    + b"]" * NESTED
    + b"}]}",
    "deep unknown": b'{"model":"coe","messages":[{"role":"user","content":"hi"}],"x":'
    + b"[" * NESTED
    + b"]" * NESTED
    + b"}",
    "huge number": b'{"model":"coe","messages":[{"role":"user","content":"hi"}],"n":1'
    + b"0" * NESTED
    + b"}",
    "huge number in a message": b'{"model":"coe","messages":[{"role":"user","content":"hi","n":1'
    + b"0" * NESTED
    + b"}]}",
    "huge key": b'{"' + b"k" * NESTED + b'":1}',
    "huge model": b'{"model":"' + b"m" * NESTED + b'","messages":[{"role":"user","content":"hi"}]}',
    "many fields": b'{"model":"coe","messages":[{"role":"user","content":"hi"}]'
    + b"".join(b',"f%d":%d' % (n, n) for n in range(20_000))
    + b"}",
    "the same field twice": b'{"model":"x","model":"coe","messages":[],'
    b'"messages":[{"role":"user","content":"hi"}]}',
    "half a surrogate": b'{"model":"coe","messages":[{"role":"user","content":"\\ud800"}]}',
    "half a surrogate in the model": b'{"model":"\\ud800","messages":[{"role":"user"}]}',
    "not UTF-8": b'{"model":"coe","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "a byte order mark": b'\xef\xbb\xbf{"model":"coe","messages":[{"role":"user","content":"hi"}]}',
    "NUL": b'{"model":"coe","messages":[{"role":"user","content":"a\\u0000b"}]}',
    "not a number": b'{"model":"coe","messages":[{"role":"user","content":"hi"}],"t":NaN}',
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", MONSTERS)
def test_monsters(client: httpx.Client, path: str, name: str) -> None:
    _assert_expected(client, path, MONSTERS[name])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admin/api/experts"),
        ("PUT", "/admin/api/experts/generalist"),
        ("POST", "/admin/api/experts/apply"),
        ("POST", "/admin/api/keys"),
    ],
)
@pytest.mark.parametrize("name", MONSTERS)
def test_monsters_in_administration(
    client: httpx.Client, method: str, path: str, name: str
) -> None:
    answer = client.request(method, path, content=MONSTERS[name])
    assert answer.status_code == 400, answer.text
