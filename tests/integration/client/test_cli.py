"""The remote commands against the loopback service."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.command import program
from tests.integration.client.endpoints import LINES, event
from tests.integration.client.loopback import Service

ADA = {"id": "ada", "provider": "openai", "model": "m-1", "price": {"input": 0.5, "output": 2}}


class Coe:
    """The program, in this process; the service is found through its data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.environ = {"COE_DATA_DIR": str(data_dir), "COE_BASE_URL": "", "COE_API_KEY": ""}
        self._runner = CliRunner()

    def __call__(self, *arguments: str, typed: str | bytes | None = None, code: int = 0) -> Result:
        result = self._runner.invoke(program(), arguments, input=typed, env=self.environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        if code:
            assert result.stdout == "" or code == 1
            assert "Traceback" not in result.output
        return result

    def json(self, *arguments: str, typed: str | None = None) -> Any:
        result = self(*arguments, "--json", typed=typed)
        assert result.stderr == ""
        return json.loads(result.stdout)


@pytest.fixture
def coe(service: Service, tmp_path: Path) -> Iterator[Coe]:
    (tmp_path / "server.json").write_text(json.dumps({"url": service.url}))
    (tmp_path / "admin-key").write_text(service.key)
    return Coe(tmp_path)


def test_chat_streams_the_answer_and_then_how_it_came_to_be(coe: Coe, service: Service) -> None:
    result = coe("chat", "Hello", "--policy", "economy", "--system", "Be kind.")
    assert result.stdout == "You said: Hello\n"
    for part in ("ada", "math 88%", "balanced", "5 + 3 tokens", "0.01 s", "$0.000210"):
        assert part in result.stderr
    assert service.seen[0].body == {
        "model": "coe-economy",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hello"},
        ],
        "coe": {"explain": True},
        "stream": True,
    }


def test_chat_json_is_one_whole_answer(coe: Coe, service: Service) -> None:
    answer = coe.json("chat", "Hello", "--model", "coe-quality")
    assert answer["choices"][0]["message"]["content"] == "You said: Hello"
    assert answer["coe"]["decision"]["reason"] == "math goes to ada"
    assert "stream" not in service.seen[0].body


def test_chat_takes_its_question_from_a_pipe(coe: Coe) -> None:
    assert coe("chat", typed="Two\nlines\n").stdout == "You said: Two\nlines\n"


@pytest.mark.parametrize(
    "arguments", [["chat", "x", "--model", "a", "--policy", "b"], ["chat", ""], ["chat"]]
)
def test_chat_used_wrongly(coe: Coe, service: Service, arguments: list[str]) -> None:
    assert coe(*arguments, typed="", code=2).stderr
    assert service.seen == []


def test_chat_that_breaks_off_is_a_failure(coe: Coe, service: Service) -> None:
    service.will_stream([event({"choices": [{"delta": {"content": "Hel\x1b[2J"}}]})])
    result = coe("chat", "x", code=1)
    assert result.stdout == "Hel[2J\n"
    assert "broke off" in result.stderr


class Terminal:
    """The program at a terminal of its own."""

    def __init__(self, environ: dict[str, str], *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self._shown = b""
        program = (  # a background job's children would inherit that SIGINT is ignored
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "from orchestrator.cli import main; main()"
        )
        self.child = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | environ | {"TERM": "dumb"},
        )
        os.close(slave)

    def type(self, text: bytes) -> None:
        os.write(self._master, text)

    def wait_for(self, *texts: str) -> None:
        """Read until all texts have come, one after the other."""
        deadline = time.monotonic() + 30
        for text in texts:
            while text.encode() not in self._shown and time.monotonic() < deadline:
                if select.select([self._master], [], [], 0.2)[0]:
                    self._shown += os.read(self._master, 4096)
            assert text.encode() in self._shown, self._shown
            self._shown = self._shown.partition(text.encode())[2]

    def close(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self._master)


@pytest.fixture
def terminal(coe: Coe) -> Iterator[Terminal]:
    terminal = Terminal(coe.environ, "chat")
    yield terminal
    terminal.close()


def test_chat_at_a_terminal_is_a_talk(service: Service, terminal: Terminal) -> None:
    terminal.wait_for("> ")
    terminal.type(b"One\n")
    terminal.wait_for("You said: One", "$0.000210", "> ")
    service.will_refuse(402, "The budget is used up.")
    terminal.type(b"Lost\n")
    terminal.wait_for("The budget is used up.", "> ")
    service.will_stream([event({"choices": [{"delta": {"content": "Slow"}}]})] * 500, pause=0.05)
    terminal.type(b"Long\n")
    terminal.wait_for("SlowSlow")
    terminal.child.send_signal(signal.SIGINT)
    terminal.wait_for("stopped", "> ")
    terminal.type(b"Two\n")
    terminal.wait_for("You said: Two", "$0.000210", "> ")
    terminal.type(b"\x04")
    assert terminal.child.wait(20) == 0
    asked = [message["content"] for message in service.seen[-1].body["messages"]]
    assert asked == ["One", "You said: One", "Two"]


def test_experts_from_file_to_retirement(coe: Coe, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "experts.yaml"
    file.write_text(yaml.safe_dump({"experts": [ADA]}))
    service.put({"id": "old", "provider": "scripted"})
    tried = coe("experts", "apply", str(file), "--dry-run", "--prune")
    assert tried.stdout == "+ ada\n- old\n"
    assert "2 would change, 0 unchanged" in tried.stderr
    assert list(service.experts) == ["old"]
    coe("experts", "apply", str(file), "--prune")
    assert list(service.experts) == ["ada"]

    changed = yaml.safe_dump({"experts": [ADA | {"model": "m-2"}]})
    result = coe("experts", "apply", "-", typed=changed)
    assert result.stdout == '~ ada\n    model: "m-1" -> "m-2"\n'
    assert coe("experts", "apply", "-", typed=changed).stdout == ""

    listed = coe("experts", "list").stdout
    for part in ("ada", "openai", "m-2", "8192", "0.5"):
        assert part in listed
    assert coe("experts", "rollback", "ada", "1").stdout == (
        "ada: version 1 is in force again, as 3.\n"
    )
    assert yaml.safe_load(coe("experts", "show", "ada").stdout) == {"experts": [ADA]}
    exported = coe("experts", "export").stdout
    assert yaml.safe_load(exported) == {"experts": [ADA]}
    assert coe("experts", "apply", "-", typed=exported).stdout == ""
    versions = coe.json("experts", "versions", "ada")
    assert [record["version"] for record in versions] == [1, 2, 3]
    assert "m-2" in coe("experts", "versions", "ada").stdout
    assert coe("experts", "retire", "ada").stdout == "ada: retired.\n"
    assert coe("experts", "list").stderr == "The catalogue is empty.\n"


def test_experts_as_json(coe: Coe, service: Service) -> None:
    service.put(ADA)
    assert coe.json("experts", "list")[0]["expert"]["model"] == "m-1"
    assert coe.json("experts", "show", "ada")["version"] == 1
    assert coe.json("experts", "export") == {"experts": [ADA]}
    document = json.dumps({"experts": [ADA | {"name": "Ada"}]})
    change = coe.json("experts", "apply", "-", "--dry-run", typed=document)["changes"][0]
    assert change["fields"] == {"name": [None, "Ada"]}
    assert coe.json("experts", "rollback", "ada", "1")["version"] == 2
    assert coe.json("experts", "retire", "ada") == {"id": "ada", "action": "retire"}


def test_a_file_that_cannot_be_applied(coe: Coe, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "experts.yaml"
    assert "No such file" in coe("experts", "apply", str(file), code=1).stderr
    file.write_text("experts:\n- id: a\n  id: b\n")
    assert "line 3: the key 'id' occurs twice" in coe("experts", "apply", str(file), code=1).stderr
    assert service.seen == []
    file.write_text("experts:\n- id: a\n")
    refused = coe("experts", "apply", str(file), code=1)
    assert refused.stderr == "experts[0] (a): provider is missing (request req-1)\n"
    assert refused.stdout == ""


def test_keys(coe: Coe, service: Service) -> None:
    made = coe("keys", "create", "--name", "robot", "--role", "editor", "--expires-in", "30d")
    assert made.stdout == "sk-coe-abc-new\n"
    assert "cannot be shown again" in made.stderr
    assert service.seen[0].body["expires_at"] is not None
    listed = coe("keys", "list").stdout
    for part in ("key-1", "robot", "sk-coe-abc", "editor", "default", "active"):
        assert part in listed
    assert "sk-coe-abc-new" not in listed
    assert coe("keys", "revoke", "key-1").stdout == "key-1: revoked.\n"
    assert "revoked" in coe("keys", "list").stdout
    assert coe.json("keys", "create", "--name", "x", "--tenant", "t")["key"] == "sk-coe-abc-new"
    assert [record["tenant"] for record in coe.json("keys", "list")] == ["default", "t"]
    assert coe.json("keys", "revoke", "key-2")["action"] == "revoke"


def test_keys_bound_to_experts(coe: Coe, service: Service) -> None:
    coe("keys", "create", "--name", "robot", "--expert", "ada", "--expert", "bo")
    assert service.seen[0].body["experts"] == ["ada", "bo"]
    assert "ada, bo" in coe("keys", "list").stdout
    assert (
        coe("keys", "allow", "key-1", "--expert", "cy").stdout
        == "key-1: experts cy; policies any.\n"
    )
    assert coe.json("keys", "allow", "key-1", "--any")["experts"] is None
    for wrong in ([], ["--any", "--expert", "ada"]):
        assert "--any" in coe("keys", "allow", "key-1", *wrong, code=2).stderr


def test_feedback_is_exported(coe: Coe, tmp_path: Path) -> None:
    assert coe("feedback", "export").stdout == LINES.replace("\u009b", "")
    file = tmp_path / "feedback.jsonl"
    assert coe("feedback", "export", "--out", str(file)).stderr == f"{file}: 2 prompts.\n"
    assert file.read_text(encoding="utf-8") == LINES
    nothing = coe("feedback", "export", "--days", "1", code=1)
    assert "coe feedback content TENANT --store" in nothing.stderr
    missing = str(tmp_path / "none" / "x.jsonl")
    assert "No such file" in coe("feedback", "export", "--out", missing, code=1).stderr


@pytest.mark.parametrize(
    "more", [[], ["--name", "x", "--role", "king"], ["--name", "x", "--expires-in", "soon"]]
)
def test_keys_used_wrongly(coe: Coe, service: Service, more: list[str]) -> None:
    coe("keys", "create", *more, code=2)
    assert service.seen == []


def test_secrets(coe: Coe, service: Service) -> None:
    stored = coe("secrets", "set", "vendor", typed="s3cret \n")
    assert stored.output == "vendor: stored.\n"
    assert service.secrets == {"vendor": "s3cret "}
    assert "vendor" in coe("secrets", "list").stdout
    assert coe.json("secrets", "list")[0]["name"] == "vendor"
    assert coe.json("secrets", "set", "other", typed="x") == {"name": "other", "action": "set"}
    assert coe("secrets", "delete", "vendor").stdout == "vendor: deleted.\n"
    assert coe.json("secrets", "delete", "other")["action"] == "delete"
    assert "empty" in coe("secrets", "set", "vendor", typed="\n", code=2).stderr
    assert service.secrets == {}


def test_usage(coe: Coe, service: Service) -> None:
    listed = coe("usage", "list", "--limit", "3", "--expert", "ada", "--status", "ok").stdout
    assert "req-3" in listed
    assert "req-4" not in listed
    assert service.seen[0].query == {"limit": "3", "expert": "ada", "status": "ok"}
    assert [record["request_id"] for record in coe.json("usage", "list")] == [
        f"req-{number}" for number in range(1, 6)
    ]
    shown = coe("usage", "show", "req-2").stdout.splitlines()
    assert ["cost_usd", "0.002"] in [line.split() for line in shown]
    assert ["completion_tokens", "-"] in [line.split() for line in shown]
    assert ["a_new_field", '{"x":', "1}"] in [line.split() for line in shown]
    assert coe.json("usage", "show", "req-2")["prompt_tokens"] == 20
    coe("usage", "list", "--limit", "0", code=2)


def test_models(coe: Coe) -> None:
    assert "the router chooses" in coe("models", "list").stdout
    assert coe.json("models", "list")[0]["id"] == "coe"


COMMANDS = [
    ["chat", "x"],
    ["models", "list"],
    ["experts", "list"],
    ["experts", "show", "a"],
    ["experts", "export"],
    ["experts", "versions", "a"],
    ["experts", "rollback", "a", "1"],
    ["experts", "retire", "a"],
    ["keys", "list"],
    ["keys", "create", "--name", "x"],
    ["keys", "allow", "a", "--any"],
    ["keys", "revoke", "a"],
    ["secrets", "list"],
    ["secrets", "delete", "a"],
    ["usage", "list"],
    ["usage", "show", "a"],
]


@pytest.mark.parametrize("extra", [[], ["--json"]])
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_fails_with_one_sentence(
    coe: Coe, service: Service, arguments: list[str], extra: list[str]
) -> None:
    result = coe(*arguments, "--key", "sk-coe-wrong", *extra, code=1)
    assert result.stderr == "No such API key. (request req-1)\n"
    assert result.stdout == ""


def test_no_service(coe: Coe) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    result = coe("models", "list", "--url", url, code=1)
    assert "coe serve" in result.stderr
    assert url in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_address_that_is_none(coe: Coe) -> None:
    assert "base_url" in coe("models", "list", "--url", "localhost", code=2).stderr


def test_environment_and_options(coe: Coe, service: Service, tmp_path: Path) -> None:
    coe.environ |= {"COE_DATA_DIR": str(tmp_path / "empty"), "COE_BASE_URL": service.url}
    assert "--key" in coe("models", "list", code=1).stderr
    coe.environ["COE_API_KEY"] = service.key
    coe("models", "list")
    coe.environ["COE_API_KEY"] = "sk-coe-wrong"
    coe("models", "list", "--key", service.key)


def test_the_installed_program(service: Service) -> None:
    program = Path(sys.executable).with_name("coe")
    done = subprocess.run(
        [program, "models", "list", "--json"],
        env=os.environ | {"COE_BASE_URL": service.url, "COE_API_KEY": service.key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["id"] == "coe"
