"""A user's program is checked by ``mypy --strict``, against the types that come with the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
CACHE = HERE.parents[3] / ".mypy_cache" / "users-program"


def test_a_users_program_is_typed_strictly(tmp_path: Path) -> None:
    # Without this repository's configuration, from elsewhere, as a user would.
    program = HERE.with_name("users_program.py")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--cache-dir",
        str(CACHE),
    ]
    done = subprocess.run(
        [*command, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
