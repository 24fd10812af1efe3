"""The command line's decisions: where the service is, durations, what reaches the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from coe_client import APIConnectionError, APITimeoutError, AuthenticationError, ConflictError
from coe_client.types import Explanation, KeyRecord
from orchestrator.cli import output
from orchestrator.cli.chat import summary
from orchestrator.cli.connection import DEFAULT_URL, Target, data_dir, locate, sentence
from orchestrator.cli.keys import parse_duration, state
from orchestrator.kit.paths import default_data_dir


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A data directory as a running service leaves it."""
    (tmp_path / "server.json").write_text(json.dumps({"url": "http://10.1.2.3:9000"}))
    (tmp_path / "admin-key").write_text("sk-coe-admin\n")
    return tmp_path


def test_the_local_service(local: Path) -> None:
    assert locate(None, None, local) == Target("http://10.1.2.3:9000", "sk-coe-admin")


def test_what_is_given_comes_first(local: Path) -> None:
    assert locate(None, "k", local) == Target("http://10.1.2.3:9000", "k")
    assert locate("http://h", "k", local) == Target("http://h", "k")


@pytest.mark.parametrize(
    ("url", "goes"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://localhost:9000/v1", True),
        ("http://[::1]:9000", True),
        ("http://127.0.0.1:9001", False),
        ("http://127.0.0.1", False),
        ("http://10.1.2.3:9000", False),
        ("https://localhost.example:9000", False),
    ],
)
def test_the_local_key_goes_to_the_local_service_only(local: Path, url: str, goes: bool) -> None:
    (local / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:9000"}))
    assert (locate(url, None, local).key == "sk-coe-admin") is goes


def test_the_local_key_stays_here_while_the_service_does_not_run(local: Path) -> None:
    (local / "server.json").unlink()
    assert locate(None, None, local) == Target(DEFAULT_URL, None)
    assert locate(DEFAULT_URL, None, local).key is None


def test_nothing_is_there(tmp_path: Path) -> None:
    assert locate(None, None, tmp_path / "nowhere") == Target(DEFAULT_URL, None)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "7"])
def test_a_broken_server_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    with pytest.raises(ValueError, match=r"server\.json .*--url"):
        locate(None, None, tmp_path)


def test_a_key_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text(json.dumps({"url": DEFAULT_URL}))
    (tmp_path / "admin-key").mkdir()
    with pytest.raises(ValueError, match=r"admin-key cannot be read .*--key"):
        locate(None, None, tmp_path)


def test_data_dir(tmp_path: Path) -> None:
    assert data_dir({"COE_DATA_DIR": str(tmp_path)}) == tmp_path
    assert data_dir({"HOME": "/home/x"}) == default_data_dir({"HOME": "/home/x"})


def test_a_target_hides_its_key() -> None:
    assert "sk-coe" not in repr(Target("http://h", "sk-coe-admin"))


def test_sentences_say_what_to_do() -> None:
    here = Target("http://h", None)
    unreached = sentence(APIConnectionError("x", sent=False), here)
    assert "coe serve" in unreached
    assert "http://h" in unreached
    assert "coe serve" not in sentence(APITimeoutError("Too late."), here)
    unknown = AuthenticationError("No key.", status=401)
    assert "COE_API_KEY" in sentence(unknown, here)
    assert sentence(unknown, Target("http://h", "k")) == "No key."
    assert sentence(ConflictError("Taken.", status=409, request_id="r"), here) == (
        "Taken. (request r)"
    )


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        (" 30d ", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("36525d", timedelta(days=36525)),
    ],
)
def test_durations(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "d", "30", "0d", "-1d", "1.5h", "30 d", "1y", "36526d", "٣d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_duration(text)


def test_the_state_of_a_key() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert state(KeyRecord(id="k"), now) == "active"
    assert state(KeyRecord(id="k", expires_at=now + timedelta(1)), now) == "active"
    assert state(KeyRecord(id="k", expires_at=now), now) == "expired"
    assert state(KeyRecord(id="k", expires_at=now, revoked_at=now), now) == "revoked"


@given(text=st.text())
def test_no_text_commands_the_terminal(text: str) -> None:
    shown = output.clean(text)
    assert not any(char < " " and char not in "\n\t" for char in shown)
    assert not any("\x7f" <= char <= "\x9f" for char in shown)


def test_text_in_any_script_is_kept() -> None:
    text = "a\tb\n٣ 日本 é e\u0301 👩‍👩‍👧 \xa0"
    assert output.clean(text + "\x1b[31m\x07\r") == text + "[31m"


def test_a_summary_of_as_much_as_is_known() -> None:
    assert summary(Explanation()) == "unknown expert"
    document = {
        "expert": "ada",
        "policy": "balanced",
        "decision": {"category": "math", "expert": "ada", "probabilities": {"math": 0.875}},
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "estimated": True},
        "cost_usd": 0.00021,
        "duration_ms": 1234.5,
        "first_token_ms": 40,
    }
    assert summary(Explanation.model_validate(document)) == (
        "ada · math 88% · balanced · about 5 + 3 tokens · "
        "1.23 s, first token after 0.04 s · $0.000210"
    )


def test_help_needs_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "for name in 'httpx coe_client sqlalchemy fastapi litellm numpy yaml redis'.split():\n"
        "    sys.modules[name] = None\n"
        "sys.argv = ['coe', '--help']\n"
        "from orchestrator.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    for command in ("chat", "models", "experts", "keys", "secrets", "usage"):
        assert f" {command} " in done.stdout
