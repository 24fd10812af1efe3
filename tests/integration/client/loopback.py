"""A small service on 127.0.0.1 that keeps the HTTP contract, and breaks it when told to.

It holds its catalogue, keys and secrets in memory and answers like the real service, so that
client and command line meet real sockets. ``script`` makes the next answers misbehave.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "sk-coe-loopback-0123456789"
MOMENT = "2026-01-02T03:04:05Z"
ROUTE_HEADERS = {
    "x-coe-request-id": "req-1",
    "x-coe-router-version": "rv-7",
    "x-coe-category": "math",
    "x-coe-confidence": "0.875",
    "x-coe-expert": "ada",
    "x-coe-policy": "balanced",
    "x-coe-cache": "miss",
}
DECISION = {
    "category": "math",
    "probabilities": {"math": 0.875, "general": 0.125},
    "uncertainty": 0.2,
    "expert": "ada",
    "ranked": ["ada", "bo"],
    "candidates": [{"id": "ada", "quality": 0.9, "cost": 0.001, "excluded": None}],
    "policy": "balanced",
    "rule": "category",
    "reason": "math goes to ada",
    "router_version": "rv-7",
    "a_field_of_tomorrow": {"x": 1},
}
EXPLANATION = {
    "request_id": "req-1",
    "decision": DECISION,
    "expert": "ada",
    "policy": "balanced",
    "usage": {"prompt_tokens": 5, "completion_tokens": 3, "estimated": False},
    "cost_usd": 0.00021,
    "duration_ms": 12.5,
    "first_token_ms": 4.0,
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


def refusal(status: int, message: str, **more: Any) -> web.Response:
    detail = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    body = {"error": detail | more | {"request_id": "req-1"}}
    return web.json_response(body, status=status, headers={"x-coe-request-id": "req-1"})


@dataclass
class Service:
    """The state behind the endpoints."""

    experts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    script: deque[Handler] = field(default_factory=deque)
    is_ready: bool = True
    url: str = ""
    key: str = KEY

    # -- making it misbehave -------------------------------------------------------------------

    def will_answer(self, status: int, body: Any = None, **headers: str) -> None:
        """Answer the next request with this instead; ``_`` in header names stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_: web.Request) -> web.StreamResponse:
            if isinstance(body, bytes):
                return web.Response(status=status, body=body, headers=named)
            return web.json_response(body, status=status, headers=named)

        self.script.append(answer)

    def will_refuse(self, status: int, message: str = "no", **more: Any) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return refusal(status, message, **more)

        self.script.append(answer)

    def will_hang_up(self) -> None:
        """Read the next request and close the connection."""

        async def answer(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        self.script.append(answer)

    def will_stall(self, seconds: float) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            await asyncio.sleep(seconds)
            return web.json_response({"status": "late"})

        self.script.append(answer)

    def will_stream(
        self,
        pieces: list[bytes],
        *,
        pause: float = 0.0,
        hang_up: bool = False,
        kind: str = "text/event-stream",
    ) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            headers = ROUTE_HEADERS | {"content-type": kind}
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            for piece in pieces:
                await response.write(piece)
                await asyncio.sleep(pause)
            if hang_up:
                assert request.transport is not None
                request.transport.abort()
            return response

        self.script.append(answer)

    # -- the contract --------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw else None
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.rel_url.raw_path
        self.seen.append(Seen(request.method, path, dict(request.query), headers, body))
        if self.script:
            return await self.script.popleft()(request)
        if path == "/healthz":
            return web.json_response({"status": "ok"})
        if path == "/readyz":
            checks = {"database": "ok" if self.is_ready else "no connection"}
            status = "ok" if self.is_ready else "unavailable"
            document = {"status": status, "checks": checks}
            return web.json_response(document, status=200 if self.is_ready else 503)
        if headers.get("authorization") != f"Bearer {self.key}":
            return refusal(401, "No such API key.", code="invalid_api_key")
        if path.startswith("/v1/"):
            return await self.answer_v1(request, path, body)
        segments = [part for part in request.rel_url.path.split("/") if part][2:]
        return self.answer_admin(request, segments, body)

    async def answer_v1(self, request: web.Request, path: str, body: Any) -> web.StreamResponse:
        if path == "/v1/chat/completions":
            return await self.answer_chat(request, body)
        if path == "/v1/route":
            return web.json_response(DECISION)
        about = {"kind": "policy", "description": "the router chooses"}
        models = [{"id": "coe", "object": "model", "created": 1, "owned_by": "coe", "coe": about}]
        models += [{"id": name, "object": "model", "coe": None} for name in self.experts]
        if path == "/v1/models":
            return web.json_response({"object": "list", "data": models})
        for model in models:
            if path == f"/v1/models/{model['id']}":
                return web.json_response(model)
        return refusal(404, "No such model.", code="model_not_found", param="model")

    async def answer_chat(self, request: web.Request, body: Any) -> web.StreamResponse:
        question = body["messages"][-1]["content"]
        explained = bool((body.get("coe") or {}).get("explain"))
        words = ["You", " said", f": {question}"]
        if not body.get("stream"):
            message = {"role": "assistant", "content": "".join(words)}
            answer = {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
            }
            answer |= {"coe": EXPLANATION} if explained else {}
            headers = ROUTE_HEADERS | {"x-coe-cost": "0.00021"}
            return web.json_response(answer, headers=headers)
        response = web.StreamResponse(headers=ROUTE_HEADERS | {"content-type": "text/event-stream"})
        await response.prepare(request)
        async for event in self.events(words, explained=explained):
            await response.write(event)
        return response

    async def events(self, words: list[str], *, explained: bool) -> AsyncIterator[bytes]:
        for word in words:
            yield event({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": word}}]})
            await asyncio.sleep(0)
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield event({"id": "chatcmpl-1", "choices": [last]})
        if explained:
            yield event({"id": "chatcmpl-1", "choices": [], "coe": EXPLANATION})
        yield b"data: [DONE]\n\n"

    def answer_admin(
        self, request: web.Request, segments: list[str], body: Any
    ) -> web.StreamResponse:
        match request.method, segments:
            case _, ["experts", *rest]:
                return self.answer_experts(request, rest, body)
            case "GET", ["keys"]:
                return page(request, list(self.keys.values()))
            case "POST", ["keys"]:
                record = {"id": f"key-{len(self.keys) + 1}", "prefix": "sk-coe-abc"} | body
                self.keys[record["id"]] = record | {"created_at": MOMENT, "revoked_at": None}
                return web.json_response(record | {"key": "sk-coe-abc-new"}, status=201)
            case "DELETE", ["keys", name] if name in self.keys:
                self.keys[name]["revoked_at"] = MOMENT
                return web.Response(status=204)
            case "GET", ["secrets"]:
                return page(request, [{"name": n, "updated_at": MOMENT} for n in self.secrets])
            case "PUT", ["secrets", name]:
                self.secrets[name] = body["value"]
                return web.Response(status=204)
            case "DELETE", ["secrets", name] if name in self.secrets:
                del self.secrets[name]
                return web.Response(status=204)
            case "GET", ["usage"]:
                return page(request, [usage(i) for i in range(1, 6)])
            case "GET", ["usage", name] if name.startswith("req-"):
                return web.json_response(usage(int(name[4:])))
            case "GET", ["router"]:
                category = {"id": "math", "name": "Mathematics", "description": "sums"}
                policies = {"balanced": {"math": "ada", "general": "bo"}}
                router = {"version": "rv-7", "embedder": "static", "categories": [category]}
                return web.json_response(router | {"policies": policies})
            case "GET", ["config"]:
                setting = {"name": "port", "value": 8400, "source": "default", "description": ""}
                return page(request, [setting])
        return refusal(404, "Not found.", code="not_found")

    def answer_experts(
        self, request: web.Request, segments: list[str], body: Any
    ) -> web.StreamResponse:
        match request.method, segments:
            case "GET", []:
                return page(request, [versions[-1] for versions in self.experts.values()])
            case "POST", []:
                if body["id"] in self.experts:
                    return refusal(409, "The id is taken.", code="conflict", param="id")
                return web.json_response(self.put(body), status=201)
            case "POST", ["apply"]:
                return self.apply(body)
            case _, [name, *_] if name not in self.experts:
                return refusal(404, f"No expert {name!r}.", code="expert_not_found")
            case "GET", [name]:
                return web.json_response(self.experts[name][-1])
            case "PUT", [_]:
                return web.json_response(self.put(body))
            case "DELETE", [name]:
                del self.experts[name]
                return web.Response(status=204)
            case "GET", [name, "versions"]:
                return page(request, self.experts[name])
            case "POST", [name, "rollback"]:
                for record in self.experts[name]:
                    if record["version"] == body["version"]:
                        return web.json_response(self.put(record["expert"]))
        return refusal(404, "No such version.", code="not_found", param="version")

    def put(self, expert: dict[str, Any]) -> dict[str, Any]:
        versions = self.experts.setdefault(expert["id"], [])
        number = len(versions) + 1
        record = {"expert": expert, "version": number, "head": number, "updated_by": "key-0"}
        versions.append(record | {"updated_at": MOMENT})
        return versions[-1]

    def apply(self, body: dict[str, Any]) -> web.Response:
        changes: list[dict[str, Any]] = []
        for position, entry in enumerate(body["experts"]):
            if "provider" not in entry:
                message = f"experts[{position}] ({entry.get('id')}): provider is missing"
                return refusal(400, message, param=f"experts.{position}.provider")
            old = self.experts.get(entry["id"], [{"expert": {}}])[-1]["expert"]
            fields = {n: [old.get(n), v] for n, v in entry.items() if old.get(n) != v}
            action = "create" if not old else "update" if fields else "unchanged"
            changes.append({"id": entry["id"], "action": action, "fields": fields})
        named = {entry["id"] for entry in body["experts"]}
        gone = [name for name in self.experts if body["prune"] and name not in named]
        changes += [{"id": name, "action": "retire", "fields": {}} for name in gone]
        if not body["dry_run"]:
            for entry, change in zip(body["experts"], changes, strict=False):
                if change["action"] != "unchanged":
                    self.put(entry)
            for name in gone:
                del self.experts[name]
        return web.json_response({"changes": changes, "dry_run": body["dry_run"]})


def event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def usage(number: int) -> dict[str, Any]:
    return {
        "request_id": f"req-{number}",
        "started_at": MOMENT,
        "expert": "ada",
        "category": "math",
        "policy": "balanced",
        "status": "ok",
        "prompt_tokens": 10 * number,
        "completion_tokens": None,
        "cost_usd": 0.001 * number,
        "duration_ms": 12.0,
    }


def page(request: web.Request, records: list[dict[str, Any]]) -> web.Response:
    start = int(request.query.get("after", "0"))
    end = start + int(request.query.get("limit", "2"))
    more = end < len(records)
    document = {"object": "list", "data": records[start:end], "has_more": more}
    return web.json_response(document | {"next": str(end) if more else None})


@contextmanager
def running(service: Service) -> Iterator[Service]:
    """Serve in a thread of its own until the block ends."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    started = threading.Event()

    async def serve() -> None:
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{tail:.*}", service.handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    if not started.wait(10):
        raise RuntimeError("the loopback service did not start")
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
