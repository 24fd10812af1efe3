"""The examples of the client's README run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.client.loopback import Service

README = Path(__file__).parents[3] / "client" / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 9


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_example(service: Service, block: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block],
        env=os.environ | {"COE_BASE_URL": service.url, "COE_API_KEY": service.key},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
