"""Recipes of `docs/guides/existing-clients.md` that need more than is installed: Node, and heavy packages.

The others are run as they stand on the page (``tests/docs``).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, blocks_of
from tests.docs.running import DOCUMENTED_URL
from tests.e2e.conftest import Server

PAGE = "docs/guides/existing-clients.md"
NODE = shutil.which("node")


def recipe(language: str, holding: str) -> str:
    (found,) = [b.body for b in blocks_of(PAGE) if b.language == language and holding in b.body]
    return found


def run(server: Server, directory: Path, command: list[str], file: str, text: str) -> str:
    """Return what a recipe prints against the server of the tests."""
    # Some experts of the tests fail on purpose, and the router might choose one.
    steady = re.sub('"coe(-economy)?"', '"generalist"', text)
    (directory / file).write_text(steady.replace(DOCUMENTED_URL, server.url))
    environ = {**os.environ, "COE_API_KEY": server.key, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [*command, file], cwd=directory, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def prepared(command: list[str], directory: Path) -> None:
    """Install what a recipe needs, or skip it where that cannot be had."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")


@pytest.mark.skipif(NODE is None, reason="there is no node on this machine")
def test_node_without_a_package(server: Server, tmp_path: Path) -> None:
    printed = run(server, tmp_path, [str(NODE)], "ask.mjs", recipe("js", "fetch("))
    assert printed == "generalist What is 17 * 23?\n"  # it says what it hears


@pytest.mark.slow
@pytest.mark.skipif(NODE is None, reason="there is no node on this machine")
def test_node_with_openais_package(server: Server, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm on this machine")
    prepared([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "openai"], tmp_path)
    text = recipe("js", 'from "openai"')
    assert run(server, tmp_path, [str(NODE)], "ask.mjs", text) == "What is 17 * 23?"


@pytest.mark.slow
def test_llamaindex(server: Server, tmp_path: Path) -> None:
    # In an environment of its own: it brings much along.
    prepared([sys.executable, "-m", "venv", "--without-pip", "venv"], tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [str(ROOT / ".tools" / "bin" / "python"), "-m", "pip", "--python", str(python)]
    prepared([*pip, "install", "--quiet", "llama-index-llms-openai-like"], tmp_path)
    printed = run(server, tmp_path, [str(python)], "ask.py", recipe("python", "OpenAILike"))
    assert printed == "What is 17 * 23?\nWhat is 3 + 4?\n"
