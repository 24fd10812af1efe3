"""The endpoints of the loopback service: the HTTP contract over dictionaries in memory."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

SERVICE: web.AppKey[Any] = web.AppKey("service")
LINES = '{"id":"req-1","prompt":"one \u009b[2J","scores":{"ada":1.0}}\n{"id":"req-2"}\n'
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

routes = web.RouteTableDef()


def refusal(status: int, message: str, **more: Any) -> web.Response:
    detail = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    body = {"error": detail | more | {"request_id": "req-1"}}
    return web.json_response(body, status=status, headers={"x-coe-request-id": "req-1"})


def page(request: web.Request, records: list[dict[str, Any]]) -> web.Response:
    start = int(request.query.get("after", "0"))
    end = start + int(request.query.get("limit", "2"))
    more = end < len(records)
    document = {"object": "list", "data": records[start:end], "has_more": more}
    return web.json_response(document | {"next": str(end) if more else None})


def event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


# Health, models, routing, answers


@routes.get("/healthz")
async def health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


@routes.get("/readyz")
async def readiness(request: web.Request) -> web.Response:
    if request.app[SERVICE].is_ready:
        return web.json_response({"status": "ok", "checks": {"database": "ok"}})
    report = {"status": "unavailable", "checks": {"database": "no connection"}}
    return web.json_response(report, status=503)


def all_models(request: web.Request) -> list[dict[str, Any]]:
    about = {"kind": "policy", "description": "the router chooses"}
    router = {"id": "coe", "object": "model", "created": 1, "owned_by": "coe", "coe": about}
    named = [{"id": name, "object": "model", "coe": None} for name in request.app[SERVICE].experts]
    return [router, *named]


@routes.get("/v1/models")
async def models(request: web.Request) -> web.Response:
    return web.json_response({"object": "list", "data": all_models(request)})


@routes.get("/v1/models/{id}")
async def model(request: web.Request) -> web.Response:
    for candidate in all_models(request):
        if candidate["id"] == request.match_info["id"]:
            return web.json_response(candidate)
    return refusal(404, "No such model.", code="model_not_found", param="model")


@routes.post("/v1/route")
async def route(_: web.Request) -> web.Response:
    return web.json_response(DECISION)


@routes.post("/v1/chat/completions")
async def chat(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    if (
        body["model"].partition("-")[0] != "coe"
        and body["model"] not in request.app[SERVICE].experts
    ):
        return refusal(404, f"No model {body['model']!r}.", code="model_not_found", param="model")
    words = ["You", " said", f": {body['messages'][-1]['content']}"]
    explained = bool((body.get("coe") or {}).get("explain"))
    if body.get("stream"):
        return await stream(request, words, explained=explained)
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
    return web.json_response(answer, headers=ROUTE_HEADERS | {"x-coe-cost": "0.00021"})


async def stream(request: web.Request, words: list[str], *, explained: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers=ROUTE_HEADERS | {"content-type": "text/event-stream"})
    await response.prepare(request)
    choices: list[dict[str, Any]] = [{"index": 0, "delta": {"content": word}} for word in words]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    for choice in choices:
        await response.write(event({"id": "chatcmpl-1", "choices": [choice]}))
        await asyncio.sleep(0)
    if explained:
        await response.write(event({"id": "chatcmpl-1", "choices": [], "coe": EXPLANATION}))
    await response.write(b"data: [DONE]\n\n")
    return response


# Experts


@routes.get("/admin/api/experts")
async def experts(request: web.Request) -> web.Response:
    kept = request.app[SERVICE].experts
    return page(request, [versions[-1] for versions in kept.values()])


@routes.post("/admin/api/experts")
async def create_expert(request: web.Request) -> web.Response:
    service, entry = request.app[SERVICE], await request.json()
    if entry["id"] in service.experts:
        return refusal(409, "The id is taken.", code="conflict", param="id")
    return web.json_response(service.put(entry), status=201)


@routes.post("/admin/api/experts/apply")
async def apply(request: web.Request) -> web.Response:
    service, body = request.app[SERVICE], await request.json()
    for position, entry in enumerate(body["experts"]):
        if "provider" not in entry:
            message = f"experts[{position}] ({entry.get('id')}): provider is missing"
            return refusal(400, message, param=f"experts.{position}.provider")
    changes = [change(service.experts, entry) for entry in body["experts"]]
    named = {entry["id"] for entry in body["experts"]}
    gone = [name for name in service.experts if body["prune"] and name not in named]
    if not body["dry_run"]:
        for entry, done in zip(body["experts"], changes, strict=True):
            if done["action"] != "unchanged":
                service.put(entry)
        for name in gone:
            del service.experts[name]
    changes += [{"id": name, "action": "retire", "fields": {}} for name in gone]
    return web.json_response({"changes": changes, "dry_run": body["dry_run"]})


def change(kept: dict[str, list[dict[str, Any]]], entry: dict[str, Any]) -> dict[str, Any]:
    old = kept.get(entry["id"], [{"expert": {}}])[-1]["expert"]
    fields = {name: [old.get(name), new] for name, new in entry.items() if old.get(name) != new}
    action = "create" if not old else "update" if fields else "unchanged"
    return {"id": entry["id"], "action": action, "fields": fields}


def versions_of(request: web.Request) -> list[dict[str, Any]] | None:
    found: list[dict[str, Any]] | None = request.app[SERVICE].experts.get(request.match_info["id"])
    return found


def no_expert(request: web.Request) -> web.Response:
    name = request.match_info["id"]
    return refusal(404, f"No expert {name!r}.", code="expert_not_found")


@routes.get("/admin/api/experts/{id}")
async def expert(request: web.Request) -> web.Response:
    versions = versions_of(request)
    return web.json_response(versions[-1]) if versions else no_expert(request)


@routes.put("/admin/api/experts/{id}")
async def update_expert(request: web.Request) -> web.Response:
    entry = await request.json()
    known = versions_of(request) is not None
    return web.json_response(request.app[SERVICE].put(entry)) if known else no_expert(request)


@routes.delete("/admin/api/experts/{id}")
async def retire_expert(request: web.Request) -> web.Response:
    known = request.app[SERVICE].experts.pop(request.match_info["id"], None)
    return web.Response(status=204) if known else no_expert(request)


@routes.get("/admin/api/experts/{id}/versions")
async def expert_versions(request: web.Request) -> web.Response:
    versions = versions_of(request)
    return page(request, versions) if versions else no_expert(request)


@routes.post("/admin/api/experts/{id}/rollback")
async def roll_back(request: web.Request) -> web.Response:
    wanted = (await request.json())["version"]
    for record in versions_of(request) or []:
        if record["version"] == wanted:
            return web.json_response(request.app[SERVICE].put(record["expert"]))
    return refusal(404, f"No version {wanted}.", code="version_not_found", param="version")


# Keys, secrets, usage, router, settings


@routes.get("/admin/api/keys")
async def keys(request: web.Request) -> web.Response:
    return page(request, list(request.app[SERVICE].keys.values()))


@routes.post("/admin/api/keys")
async def create_key(request: web.Request) -> web.Response:
    kept = request.app[SERVICE].keys
    record = {"id": f"key-{len(kept) + 1}", "prefix": "sk-coe-abc"} | await request.json()
    kept[record["id"]] = record | {"created_at": MOMENT, "revoked_at": None}
    return web.json_response(kept[record["id"]] | {"key": "sk-coe-abc-new"}, status=201)


@routes.patch("/admin/api/keys/{id}")
async def change_key(request: web.Request) -> web.Response:
    record = request.app[SERVICE].keys.get(request.match_info["id"])
    if record is None:
        return refusal(404, "No such key.", code="key_not_found")
    record |= await request.json()
    return web.json_response(record)


@routes.get("/admin/api/feedback/export")
async def export_feedback(request: web.Request) -> web.Response:
    lines = "" if request.query.get("days") == "1" else LINES
    return web.Response(text=lines, content_type="application/x-ndjson")


@routes.delete("/admin/api/keys/{id}")
async def revoke_key(request: web.Request) -> web.Response:
    record = request.app[SERVICE].keys.get(request.match_info["id"])
    if record is None:
        return refusal(404, "No such key.", code="key_not_found")
    record["revoked_at"] = MOMENT
    return web.Response(status=204)


@routes.get("/admin/api/secrets")
async def secrets(request: web.Request) -> web.Response:
    names = request.app[SERVICE].secrets
    return page(request, [{"name": name, "updated_at": MOMENT} for name in names])


@routes.put("/admin/api/secrets/{name}")
async def set_secret(request: web.Request) -> web.Response:
    request.app[SERVICE].secrets[request.match_info["name"]] = (await request.json())["value"]
    return web.Response(status=204)


@routes.delete("/admin/api/secrets/{name}")
async def delete_secret(request: web.Request) -> web.Response:
    known = request.app[SERVICE].secrets.pop(request.match_info["name"], None)
    return web.Response(status=204) if known else refusal(404, "No such secret.")


def used(number: int) -> dict[str, Any]:
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
        "a_new_field": {"x": 1},
    }


@routes.get("/admin/api/usage")
async def usage(request: web.Request) -> web.Response:
    return page(request, [used(number) for number in range(1, 6)])


@routes.get("/admin/api/usage/req-{number}")
async def usage_record(request: web.Request) -> web.Response:
    return web.json_response(used(int(request.match_info["number"])))


@routes.get("/admin/api/router")
async def router(_: web.Request) -> web.Response:
    category = {"id": "math", "name": "Mathematics", "description": "sums"}
    policies = {"balanced": {"math": "ada", "general": "bo"}}
    found = {"version": "rv-7", "embedder": "static", "categories": [category]}
    return web.json_response(found | {"policies": policies})


@routes.get("/admin/api/config")
async def config(request: web.Request) -> web.Response:
    setting = {"name": "port", "value": 8400, "source": "default", "description": ""}
    return page(request, [setting])
