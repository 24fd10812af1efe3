"""Small servers that load and unload models as Ollama, llama.cpp and vLLM document that they do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ModelHost:
    """A server on a loopback port whose models come and go.

    Args:
        routes: What it answers, by method and path.
    """

    def __init__(self, routes: dict[tuple[str, str], Answer]) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._app = web.Application()
        for (method, path), answer in routes.items():
            self.add(method, path, answer)
        self._runner = web.AppRunner(self._app)
        self.url = ""

    def add(self, method: str, path: str, answer: Answer) -> None:
        """Answer something more, before it is entered."""
        self._app.router.add_route(method, path, self._noted(answer))

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        _, port = self._runner.addresses[0][:2]
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def _noted(self, answer: Answer) -> Answer:
        async def noting(request: web.Request) -> web.StreamResponse:
            body = await request.json() if request.can_read_body else None
            self.asked.append((request.path_qs, body))
            return await answer(request)

        return noting


class Later:
    """A state that changes a moment after it was told to.

    Args:
        value: At first.
    """

    def __init__(self, value: str) -> None:
        self.value = value

    def become(self, first: str, then: str, seconds: float = 0.03) -> None:
        """Become something at once and something else in a moment."""
        self.value = first
        asyncio.get_running_loop().call_later(seconds, setattr, self, "value", then)


def ollama(sizes: dict[str, int], loaded: dict[str, Later]) -> ModelHost:
    """Return an Ollama: ``/api/generate`` without a prompt loads for ``keep_alive``, 0 unloads."""

    async def generate(request: web.Request) -> web.Response:
        body = await request.json()
        name = body["model"] if ":" in body["model"] else body["model"] + ":latest"
        if name not in sizes:
            return web.json_response({"error": f"model '{body['model']}' not found"}, status=404)
        if body["keep_alive"] == 0:
            loaded[name].become("loaded", "unloaded")
        else:
            loaded[name].value = "loaded"
        reason = "unload" if body["keep_alive"] == 0 else "load"
        said = {"model": name, "response": "", "done": True, "done_reason": reason}
        return web.json_response(said)

    async def tags(_: web.Request) -> web.Response:
        models = [{"name": name, "model": name, "size": size} for name, size in sizes.items()]
        return web.json_response({"models": models})

    async def ps(_: web.Request) -> web.Response:
        models = [
            {"name": name, "model": name, "size": sizes[name] + 7, "size_vram": 0}
            for name, state in loaded.items()
            if state.value == "loaded"
        ]
        return web.json_response({"models": models})

    return ModelHost(
        {
            ("POST", "/api/generate"): generate,
            ("GET", "/api/tags"): tags,
            ("GET", "/api/ps"): ps,
        }
    )


def llama_router(paths: dict[str, str], states: dict[str, Later]) -> ModelHost:
    """Return a llama.cpp server in router mode: both changes are announced and happen later."""

    async def models(_: web.Request) -> web.Response:
        data = []
        for name, path in paths.items():
            value = states[name].value
            status: dict[str, Any] = {"value": value}
            if value == "failed":
                status = {"value": "unloaded", "failed": True, "exit_code": 1}
            data.append({"id": name, "path": path, "status": status})
        return web.json_response({"data": data})

    async def load(request: web.Request) -> web.Response:
        name = (await request.json())["model"]
        if states[name].value not in {"unloaded", "failed"}:
            return _refused("model is already loaded")
        states[name].become("loading", "failed" if name == "broken" else "loaded")
        return web.json_response({"success": True})

    async def unload(request: web.Request) -> web.Response:
        name = (await request.json())["model"]
        if states[name].value in {"unloaded", "failed"}:
            return _refused("model is not running")
        states[name].become("loaded", "unloaded")
        return web.json_response({"success": True})

    return ModelHost(
        {
            ("GET", "/models"): models,
            ("POST", "/models/load"): load,
            ("POST", "/models/unload"): unload,
        }
    )


def _refused(message: str) -> web.Response:
    error = {"code": 400, "message": message, "type": "invalid_request_error"}
    return web.json_response({"error": error}, status=400)


def vllm(state: Later) -> ModelHost:
    """Return a vLLM that can sleep; its answers to commands are empty."""

    async def sleep(request: web.Request) -> web.Response:
        assert request.query["level"] == "1"
        state.become("awake", "asleep")
        return web.Response()

    async def wake_up(_: web.Request) -> web.Response:
        state.value = "awake"
        return web.Response()

    async def is_sleeping(_: web.Request) -> web.Response:
        return web.json_response({"is_sleeping": state.value == "asleep"})

    return ModelHost(
        {
            ("POST", "/sleep"): sleep,
            ("POST", "/wake_up"): wake_up,
            ("GET", "/is_sleeping"): is_sleeping,
        }
    )
