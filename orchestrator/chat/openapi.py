"""The OpenAPI description of the plain routes."""

from __future__ import annotations

from typing import Any

_MESSAGES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role"],
        "properties": {
            "role": {"type": "string", "examples": ["user"]},
            "content": {
                "description": "Text, or an array of content parts.",
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "object"}},
                    {"type": "null"},
                ],
            },
        },
    },
}
TOOLS = {"type": ["array", "null"], "items": {"type": "object"}}

_LIMITS = {
    "quality_floor": {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 1,
        "description": "The cheapest expert expected to reach this quality answers, otherwise the best.",
    },
    "max_cost": {
        "type": ["number", "null"],
        "minimum": 0,
        "description": "US dollars the answer may be expected to cost.",
    },
    "max_latency": {
        "type": ["number", "null"],
        "minimum": 0,
        "description": "Seconds the answer may be expected to take; unknown experts stay in.",
    },
}

EXTENSION = {
    "type": ["object", "null"],
    "properties": {
        "explain": {
            "type": ["boolean", "null"],
            "description": "Add a `coe` object with the decision, tokens and cost.",
        },
        **_LIMITS,
    },
}
MODEL = {
    "type": "string",
    "minLength": 1,
    "description": "`coe`, `coe-<policy>` or the id of an expert.",
    "examples": ["coe"],
}
_CHAT_REQUEST = {
    "type": "object",
    "required": ["model", "messages"],
    "description": "OpenAI's chat-completions request; fields not named here are passed on as they are.",
    "properties": {
        "model": MODEL,
        "messages": _MESSAGES,
        "stream": {"type": ["boolean", "null"]},
        "stream_options": {"type": ["object", "null"]},
        "tools": TOOLS,
        "response_format": {"type": ["object", "null"]},
        "coe": EXTENSION,
    },
}
_ROUTE_REQUEST = {
    "type": "object",
    "description": "Either `messages` or `input`.",
    "anyOf": [
        {"required": ["messages"]},
        {"required": ["input"], "properties": {"input": {"type": "string"}}},
    ],
    "properties": {
        "model": {
            "type": ["string", "null"],
            "pattern": "^coe(-.*)?$",
            "examples": ["coe", "coe-economy"],
        },
        "messages": _MESSAGES,
        "input": {"type": ["string", "null"]},
        "tools": TOOLS,
        "response_format": {"type": ["object", "null"]},
        "coe": {"type": ["object", "null"], "properties": _LIMITS},
    },
}
_DECISION = {
    "type": "object",
    "required": [
        "category", "probabilities", "uncertainty", "expert", "ranked", "candidates", "policy",
        "rule", "reason", "router_version",
    ],
    "properties": {
        "category": {"type": "string"},
        "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
        "uncertainty": {"type": "number", "minimum": 0, "maximum": 1},
        "uncertainty_limit": {
            "type": ["number", "null"],
            "description": "Above this uncertainty a request of its likeliest category counts as general.",
        },
        "expert": {"type": "string"},
        "ranked": {"type": "array", "items": {"type": "string"}},
        "candidates": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "quality", "cost", "excluded", "latency"],
                "properties": {
                    "id": {"type": "string"},
                    "quality": {"type": "number"},
                    "cost": {"type": "number"},
                    "excluded": {"type": ["string", "null"]},
                    "latency": {"type": ["number", "null"]},
                },
            },
        },
        "policy": {"type": "string"},
        "rule": {"type": "string"},
        "reason": {"type": "string"},
        "router_version": {"type": "string"},
        "strategy": {
            "type": ["string", "null"],
            "description": "The strategy that would answer in place of the one expert.",
        },
        "strategy_reason": {
            "type": ["string", "null"],
            "description": "Why it would, or why one that is assigned would not.",
        },
    },
}  # fmt: skip
_MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string", "const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
        "coe": {"type": "object"},
    },
}
_MODELS = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {
        "object": {"type": "string", "const": "list"},
        "data": {"type": "array", "items": _MODEL},
    },
}
_EVENTS = {
    "description": "Server-sent events: each `data` is a chunk of OpenAI's streams, the last `[DONE]`."
}
ERROR = {"$ref": "#/components/schemas/ErrorBody"}
_REASONS = {
    400: "The request is wrong; `param` names the field.",
    401: "No API key, or an unknown one.",
    402: "A budget is used up; the message says which, and when it renews.",
    403: "The key may not use this model or policy.",
    404: "No such model.",
    413: "The body is too large.",
    429: "A limit is reached; `Retry-After` says when to try again.",
    502: "The expert failed.",
    503: "No expert can serve this request.",
    504: "The expert did not answer in time.",
}


ANSWERING = (400, 401, 402, 403, 404, 413, 429, 502, 503, 504)
"""Statuses of failures where an expert is asked."""


def chat_paths() -> dict[str, Any]:
    """Return the OpenAPI path items of ``/v1``."""
    return {
        "/v1/chat/completions": {
            "post": operation(
                "chat_completions",
                "Answer a conversation with the expert that suits it.",
                {"type": "object"},
                ANSWERING,
                body=_CHAT_REQUEST,
                events=_EVENTS,
            )
        },
        "/v1/route": {
            "post": operation(
                "route",
                "Decide where a request would go, with reasons, without answering it.",
                _DECISION,
                (400, 401, 403, 404, 413, 503),
                body=_ROUTE_REQUEST,
            )
        },
        "/v1/models": {
            "get": operation(
                "list_models",
                "List policies, and the experts that the key may use.",
                _MODELS,
                (401,),
            )
        },
        "/v1/models/{model}": {
            "get": operation(
                "get_model", "Show a policy or an expert.", _MODEL, (401, 404), path="model"
            )
        },
    }


def operation(
    name: str,
    summary: str,
    answer: dict[str, Any],
    failures: tuple[int, ...],
    *,
    body: dict[str, Any] | None = None,
    path: str | None = None,
    events: dict[str, Any] | None = None,
    error: dict[str, Any] = ERROR,
) -> dict[str, Any]:
    """Return the description of an operation.

    Args:
        name: Its id.
        summary: What it does.
        answer: Schema of a success.
        failures: Statuses of failures.
        body: Schema of the request's body.
        path: Name of the parameter in its path.
        events: Schema of a success that is streamed.
        error: Schema of a failure.
    """
    content: dict[str, Any] = {"application/json": {"schema": answer}}
    if events is not None:
        content["text/event-stream"] = {"schema": events}
    described: dict[str, Any] = {
        "tags": ["chat"],
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "The answer.", "content": content},
            **{
                str(status): {
                    "description": _REASONS[status],
                    "content": {"application/json": {"schema": error}},
                }
                for status in failures
            },
        },
    }
    if body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": body}},
        }
    if path is not None:
        described["parameters"] = [
            {"name": path, "in": "path", "required": True, "schema": {"type": "string"}}
        ]
    return described
