"""Providers and scripted servers for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from experts.catalogue.expert import Endpoint, Expert
from experts.providers.openai import OpenAIProvider
from experts.providers.protocol import ExpertCall
from experts.providers.scripted_server import ScriptedServer

KEY = "sk-test-0123456789"

LITELLM_WARNS = [
    # About its own types, through pydantic. It silences them itself, which pytest undoes.
    pytest.mark.filterwarnings("ignore:.*ReadOnly.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*attribute on the instance is deprecated.*"),
]


def make_call(
    model: str,
    *,
    provider: str = "openai",
    url: str | None = None,
    text: str = "one two three four",
    stream: bool = False,
    api_key: str | None = KEY,
    timeout: float = 20.0,
    **fields: Any,
) -> ExpertCall:
    """A call as :mod:`experts.calling` would make it."""
    endpoints = (Endpoint(url=url),) if url else ()
    expert = Expert.model_validate(
        {"id": "e", "provider": provider, "model": model, "endpoints": endpoints}
    )
    body = {"model": model, "messages": [{"role": "user", "content": text}], "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    return ExpertCall(
        expert=expert,
        body={**body, **fields},
        url=url,
        api_key=api_key,
        timeout=timeout,
        request_id="r-1",
    )


async def eventually(condition: Callable[[], object], seconds: float = 3.0) -> None:
    """Wait until something holds; fail if it does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event to await
            await asyncio.sleep(0.01)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIProvider]:
    provider = OpenAIProvider()
    yield provider
    await provider.aclose()
