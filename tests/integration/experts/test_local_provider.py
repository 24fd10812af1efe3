from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from experts.catalogue.expert import Endpoint, Expert
from experts.errors import ExpertMisconfigured, RequestRefused
from experts.packaged import ASSISTANT
from experts.providers.local import LocalProvider, model_file
from experts.providers.protocol import ExpertCall

from .conftest import make_call

MODEL = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
async def local() -> AsyncIterator[LocalProvider]:
    provider = LocalProvider()
    yield provider
    await provider.aclose()


def call(text: str = "Say hi.", **fields: object) -> ExpertCall:
    options = {"max_tokens": 5, "temperature": 0, **fields}
    return make_call(MODEL, provider="local", text=text, **options)


async def test_concurrent_first_calls_load_once_and_names_and_paths_share(
    local: LocalProvider,
) -> None:
    path = model_file(ASSISTANT)
    by_path = Expert(id="p", provider="local", endpoints=(Endpoint(url=str(path)),))
    await asyncio.gather(local.load(ASSISTANT), local.load(ASSISTANT), local.load(by_path))
    (model,) = await local._manager.view()
    assert (model.name, model.experts) == (str(path), ("p", ASSISTANT.id))
    assert (model.state, model.loads) == ("loaded", 1)


async def test_a_caller_that_goes_away_does_not_take_the_load_from_others() -> None:
    provider = LocalProvider()
    first = asyncio.create_task(provider.load(ASSISTANT))
    await asyncio.sleep(0)
    second = asyncio.create_task(provider.load(ASSISTANT))
    await asyncio.sleep(0)
    first.cancel()
    await second
    await provider.aclose()


async def test_answers_are_the_same_each_time_and_hold_no_path(local: LocalProvider) -> None:
    answers = [msgspec.json.decode((await local.complete(call())).body) for _ in range(2)]
    texts = [answer["choices"][0]["message"]["content"] for answer in answers]
    assert texts[0] == texts[1] != ""
    assert "/" not in answers[0]["model"]
    assert answers[0]["usage"]["completion_tokens"] == 5


async def test_requests_are_answered_side_by_side(local: LocalProvider) -> None:
    answers = await asyncio.gather(*(local.complete(call(f"Say {n}.")) for n in range(6)))
    assert all(answer.usage and answer.usage.completion_tokens for answer in answers)


async def test_a_prompt_that_is_too_long_is_refused(local: LocalProvider) -> None:
    with pytest.raises(RequestRefused, match="context"):
        await local.complete(call("word " * 5000))
    with pytest.raises(RequestRefused, match="context"):
        [block async for block in local.stream(call("word " * 5000, stream=True))]


async def test_the_port_is_guarded(local: LocalProvider) -> None:
    async with local._loaded(ASSISTANT) as server:
        url = server.url + "/chat/completions"
    async with aiohttp.ClientSession() as session, session.post(url, json={}) as response:
        assert response.status == 401


@pytest.mark.parametrize("content", [b"", b"no model" * 100])
async def test_files_that_are_no_models(
    local: LocalProvider, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(content)
    expert = Expert(id="b", provider="local", endpoints=(Endpoint(url=str(path)),))
    with pytest.raises(ExpertMisconfigured, match=r"bad\.gguf"):
        await local.load(expert)


async def test_models_that_are_not_there(local: LocalProvider, tmp_path: Path) -> None:
    missing = Endpoint(url=str(tmp_path / "none.gguf"))
    with pytest.raises(ExpertMisconfigured, match=r"none\.gguf"):
        await local.load(Expert(id="b", provider="local", endpoints=(missing,)))
    with pytest.raises(ExpertMisconfigured, match=MODEL):
        await local.load(Expert(id="b", provider="local", model="gpt-9"))


def test_the_model_says_nothing_on_our_streams_and_stops() -> None:
    code = """
import asyncio, os
from experts.packaged import ASSISTANT
from experts.providers.local import LocalProvider

async def main():
    provider = LocalProvider()
    await provider.load(ASSISTANT)
    loaded = len(os.listdir("/proc/self/task"))
    await provider.aclose()
    await provider.aclose()
    assert len(os.listdir("/proc/self/task")) < loaded

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, env=dict(os.environ)
    )
    assert (done.stdout, done.stderr) == (b"", b"")
