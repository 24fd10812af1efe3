"""What a thing is before and after a change, read through the API itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from orchestrator.audit import states
from orchestrator.audit.states import States


async def _whole(request: Request) -> JSONResponse:
    return JSONResponse({"id": request.path_params["id"]})


async def _pieces(request: Request) -> StreamingResponse:
    async def told() -> AsyncIterator[bytes]:
        yield b'{"id": '
        await asyncio.sleep(0.01)
        yield b'"b"}'

    return StreamingResponse(told())


async def _never(request: Request) -> JSONResponse:
    await asyncio.Event().wait()
    return JSONResponse({})


APP = Starlette(
    routes=[
        Route("/whole/{id}", _whole),
        Route("/pieces/{id}", _pieces),
        Route("/never/{id}", _never),
    ]
)


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "PUT",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "state": {},
    }


@pytest.mark.parametrize(("path", "state"), [("/whole/a", {"id": "a"}), ("/pieces/b", {"id": "b"})])
async def test_an_answer_is_read_whole_or_in_pieces(path: str, state: dict[str, str]) -> None:
    async with asyncio.timeout(2):  # an answer in pieces listens for a caller who goes away
        found = await States(APP, APP.routes).read(_scope(path), path)
    assert found is not None
    assert found.value == state


async def test_one_that_never_comes_does_not_hold_up_the_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(states, "_MOST_SECONDS", 0.05)
    assert await States(APP, APP.routes).read(_scope("/never/c"), "/never/c") is None
