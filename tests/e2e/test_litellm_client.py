"""The service as the unmodified ``litellm`` package sees it: one more OpenAI-compatible address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Server

PROGRAM = Path(__file__).with_name("litellm_calls.py")


@pytest.fixture(scope="module")
def found(server: Server) -> Any:
    """What ``litellm`` got."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), server.url, server.key],
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition("\n")[2])


def test_an_answer(found: Any) -> None:
    answer = found["whole"]
    assert answer["choices"][0]["message"]["content"] == "one two three"
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["completion_tokens"] == 3


def test_a_stream(found: Any) -> None:
    assert "".join(found["streamed"]) == "one two three"
    assert found["streamed_usage"] == [[3, 3]]


def test_tool_calls(found: Any) -> None:
    assert found["tool_calls"] == ['{"a": 1, "b": 2}', '{"a": 3, "b": 4}']


def test_asynchronous(found: Any) -> None:
    assert found["asynchronous"] == ["one two", "three four"]


def test_errors_keep_their_kind(found: Any) -> None:
    assert found["wrong_key"] == ["AuthenticationError", 401]
    assert found["unknown_model"] == ["NotFoundError", 404]
    assert found["refused"] == ["BadRequestError", 400]
    assert found["failed"] == ["BadGatewayError", 502]
    assert found["late"][1] in {408, 504}  # litellm calls every timeout a 408
