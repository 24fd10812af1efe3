from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import psutil
import pytest

from experts.errors import RequestRefused
from experts.providers.interpreter import Limits
from experts.providers.python import PythonProvider

from .conftest import eventually, make_call


@pytest.fixture(scope="module")
async def python() -> AsyncIterator[PythonProvider]:
    provider = PythonProvider(Limits(seconds=0.5, output_chars=2000))
    yield provider
    await provider.aclose()


async def answer(provider: PythonProvider, text: str) -> str:
    body = (await provider.complete(make_call("", provider="python", text=text))).body
    choice = msgspec.json.decode(body)["choices"][0]
    assert choice["finish_reason"] == "stop"
    content: str = choice["message"]["content"]
    return content


def block(code: str) -> str:
    return f"Please run this:\n```python\n{code}\n```"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("what is 17 * 23?", "391"),
        ("2^10", "1024"),
        ("7 / 2", "3.5"),
        ("6 / 2", "3"),
        ("0.1 + 0.2", "0.3"),
        ("15% of 80", "12"),
        ("1,234,567 + 1", "1234568"),
        ("square root of 16 plus 2", "6"),
        ("2^200", str(2**200)),
        ("2+2 and 3*3", "2+2 = 4\n3*3 = 9"),
        (block("print('a')\nprint('b')"), "a\nb"),
        (block("x = 20\nx + 1"), "21"),
        (block("print('x')\n[1, 'y']"), "x\n[1, 'y']"),
        (block("import math\nmath.factorial(20)"), "2432902008176640000"),
        (block("x = 1"), "The program ran and printed nothing."),
        (block("'text'"), "text"),
    ],
)
async def test_values(python: PythonProvider, text: str, value: str) -> None:
    assert await answer(python, text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("10**10**10", "64 MB of memory"),
        ("2^100000", "about 30103 digits"),
        (block("x = = 1"), "not valid Python"),
        (block("while True: pass"), "may run for 0.5 seconds"),
        (block("import time\ntime.sleep(60)"), "may run for 0.5 seconds"),
        (block("x = []\nwhile True: x.append('y' * 10**6)"), "64 MB of memory"),
        (block("def f(n): return f(n)\nf(0)"), "RecursionError"),
        (block("import socket"), "Available are: math"),
        (block("import urllib.request"), "Available are: math"),
        (block("import subprocess"), "Available are: math"),
        (block("open('/etc/passwd').read()"), "not available here"),
        (block("from pathlib import Path\nPath('/etc/passwd').read_text()"), "Permission"),
        (block("import os\nprint(os.environ)"), "not supported"),
        (block("import os\nos.system('true')"), "Error"),
        (block("print('before')\nundefined"), "before\nThe program ended with an error"),
    ],
)
async def test_what_goes_wrong_is_an_answer(python: PythonProvider, text: str, said: str) -> None:
    began = time.perf_counter()
    assert said in await answer(python, text)
    assert time.perf_counter() - began < 5


async def test_output_is_bounded(python: PythonProvider) -> None:
    endless = await answer(python, block("while True: print('spam' * 100)"))
    assert len(endless) < 2200
    assert endless.startswith("spamspam")
    assert "cut after 2000" in endless
    assert len(await answer(python, block("'x' * 10**6"))) < 2200


async def test_the_environment_of_the_service_is_not_there(
    python: PythonProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "hidden-value")
    said = await answer(python, block("import os\nprint(os.getenv('A_SECRET', 'nothing'))"))
    assert "hidden-value" not in said


async def test_programs_do_not_see_each_other(python: PythonProvider) -> None:
    await answer(python, block("leak = 42"))
    assert "NameError" in await answer(python, block("leak"))


@pytest.mark.parametrize("text", ["Write a poem.", "", "```json\n{}\n```"])
async def test_nothing_to_run_is_refused(python: PythonProvider, text: str) -> None:
    with pytest.raises(RequestRefused, match="nothing to run"):
        await python.complete(make_call("", provider="python", text=text))
    with pytest.raises(RequestRefused, match="nothing to run"):
        [b async for b in python.stream(make_call("", provider="python", text=text, stream=True))]


async def test_messages_that_are_none_are_refused(python: PythonProvider) -> None:
    with pytest.raises(RequestRefused):
        await python.complete(make_call("", provider="python", messages="x"))


async def test_a_cancelled_program_stops_and_the_next_one_runs() -> None:
    provider = PythonProvider(Limits(seconds=30), workers=1)
    call = make_call("", provider="python", text=block("while True: pass"))
    task = asyncio.create_task(provider.complete(call))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(3):
        assert await answer(provider, "1 + 1") == "2"
    await provider.aclose()


async def test_closing_leaves_no_process() -> None:
    before = {child.pid for child in psutil.Process().children()}
    provider = PythonProvider()
    assert await answer(provider, "1 + 1") == "2"
    started = {child.pid for child in psutil.Process().children()} - before
    assert started
    await provider.aclose()
    await provider.aclose()
    await eventually(lambda: not any(psutil.pid_exists(pid) for pid in started))
