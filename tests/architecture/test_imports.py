"""The rules that hold for the whole code base."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_FILE_BYTES = 1_000_000
HEAVY = ("litellm", "torch", "scipy", "sklearn", "xllamacpp", "pydantic_monty")

_OBSERVE = """
import json, socket, sys, threading, importlib

opened = []
original = socket.socket.__init__
def watched(self, *args, **options):
    opened.append(str(args))
    original(self, *args, **options)
socket.socket.__init__ = watched
sys.addaudithook(
    lambda event, args: opened.append(event) if event in {"socket.connect", "subprocess.Popen"} else None
)
importlib.import_module(sys.argv[1])
print(json.dumps({
    "threads": [thread.name for thread in threading.enumerate()],
    "opened": opened,
    "modules": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""


def test_imports_go_in_one_direction() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(
    "module", ["orchestrator.app", "orchestrator.cli", "router", "experts", "coe_client"]
)
def test_importing_does_nothing(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _OBSERVE, module],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout)
    assert seen["threads"] == ["MainThread"]
    assert seen["opened"] == []
    assert not set(seen["modules"]) & set(HEAVY)


def _tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    files = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return [file for file in files if file.is_file()]


# Homes of people and files in the temporary directory; one letter stands for any name.
_MACHINE_PATH = re.compile(r"/(?:home|Users|root)/[\w.][\w.-]+|/(?:private/)?tmp/[\w.-]+")


def test_no_file_names_a_path_of_one_machine() -> None:
    found = []
    for file in _tracked_files():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if str(ROOT) in text:
            found.append(f"{file.relative_to(ROOT)}: {ROOT}")
        found += [
            f"{file.relative_to(ROOT)}: {match.group()}" for match in _MACHINE_PATH.finditer(text)
        ]
    assert not found, "\n".join(found)


def test_no_file_is_large() -> None:
    large = {
        str(file.relative_to(ROOT)): file.stat().st_size
        for file in _tracked_files()
        if file.stat().st_size > MAX_FILE_BYTES
    }
    assert not large
