"""The examples of the client's README run."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.client.loopback import Service

README = Path(__file__).parents[3] / "client" / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def run(block: str) -> None:
    exec(compile(block, README.name, "exec"), {"__name__": "__main__"})  # noqa: S102 - our README


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 9


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_example(
    service: Service,
    block: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COE_BASE_URL", service.url)
    monkeypatch.setenv("COE_API_KEY", service.key)
    with ThreadPoolExecutor(1) as pool:  # a thread has no event loop that an example could disturb
        pool.submit(run, block).result(30)
    assert capsys.readouterr().out
