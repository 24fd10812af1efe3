"""Checks of blocks that no test can run: installation, other languages, other packages."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer.main
import yaml

from experts.catalogue.entries import parse_document
from orchestrator.cli import build
from orchestrator.kit.settings import Settings, environment_name
from tests.docs.blocks import ROOT, Block

BASE_URL = "http://127.0.0.1:8400/v1"
_PROGRAMS = {"cd", "cp", "docker", "git", "helm", "kubectl", "npm", "pip"}
_FOREIGN = _PROGRAMS | {"PYTHON", "OPENAI_BASE_URL", "OPENAI_API_KEY"}


def check(block: Block) -> None:
    """Check a block that is not executed.

    Raises:
        AssertionError: If something in it does not exist or is wrong.
        ValueError: If it is an entry of a catalogue that would be refused.
    """
    checker = _CHECKERS.get(block.language)
    assert checker is not None, f"nothing is known of ```{block.language or '(no language)'}"
    checker(block)


def command_tree() -> Any:
    """Return the command line as typer's own click has it; a group has ``commands``."""
    return typer.main.get_command(build())


def make_targets() -> set[str]:
    """Return the targets of the Makefile."""
    text = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def _shell(block: Block) -> None:
    lines = [line for line in _joined(block.body) if line and not line.startswith("#")]
    assert lines, "no command"
    for line in lines:
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            _variable(words.pop(0).partition("=")[0])
        if not words:
            continue
        program, arguments = words[0].rpartition("/")[2], words[1:]
        if program == "make":
            _make(arguments)
        elif program == "coe":
            _coe(arguments)
        elif program == "python" and arguments:
            assert (ROOT / arguments[0]).is_file(), f"there is no {arguments[0]}"
        elif program == "docker" and "coe" in arguments:
            _coe(arguments[arguments.index("coe") + 1 :])
        elif program == "export":
            _variable(arguments[0].partition("=")[0])
        else:
            assert program in _FOREIGN, f"unknown command {program!r}"


def _joined(text: str) -> Iterator[str]:
    yield from map(str.strip, text.replace("\\\n", " ").splitlines())


def _make(arguments: list[str]) -> None:
    for word in arguments:
        if "=" in word:
            _variable(word.partition("=")[0])
        else:
            assert word in make_targets(), f"there is no `make {word}`"


def _variable(name: str) -> None:
    known = {environment_name(field) for field in Settings.model_fields}
    known |= {"COE_BASE_URL", "COE_API_KEY"} | _FOREIGN
    assert name in known, f"there is no setting {name}"


def _coe(arguments: list[str]) -> None:
    """Walk down the commands and look for each option."""
    command = command_tree()
    words = iter(arguments)
    options: set[str] = set()
    for word in words:
        if hasattr(command, "commands"):
            assert word in command.commands, f"there is no command {word!r}"
            command = command.commands[word]
            options = {name for parameter in command.params for name in parameter.opts}
        elif word.startswith("-"):
            assert word.partition("=")[0] in options, f"{command.name} has no option {word}"
    assert not hasattr(command, "commands"), "the command is not finished"


def _python(block: Block) -> None:
    compile(block.body, block.place, "exec")
    addresses = (BASE_URL, "OPENAI_BASE_URL", "from coe_client import")  # which finds it by itself
    assert any(one in block.body for one in addresses), "names no address"


def _javascript(block: Block) -> None:
    assert BASE_URL in block.body or "OPENAI_BASE_URL" in block.body, "names no address"
    assert re.search(r"model: \"coe(-\w+)?\"", block.body), "names no model of ours"


def _yaml(block: Block) -> None:
    document = yaml.safe_load(block.body)
    if "no-run" not in block.flags:
        parse_document(document)


def _diagram(block: Block) -> None:
    """One that GitHub draws as well; tests of the site have a browser draw it."""
    kind = block.body.split(maxsplit=1)[0]
    assert kind in {"flowchart", "sequenceDiagram", "stateDiagram-v2"}, f"not used here: {kind}"


def _nothing(block: Block) -> None:
    """A diagram."""
    assert block.body.strip(), "empty"


_CHECKERS: Mapping[str, Callable[[Block], None]] = {
    "bash": _shell,
    "python": _python,
    "js": _javascript,
    "yaml": _yaml,
    "json": lambda block: json.loads(block.body),
    "text": _nothing,
    "mermaid": _diagram,
}
