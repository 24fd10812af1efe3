"""The OpenAPI description of the other protocols."""

from __future__ import annotations

from typing import Any

from orchestrator.chat.openapi import ANSWERING, EXTENSION, MODEL, TOOLS, operation

_OBJECTS = {"type": "array", "items": {"type": "object"}}
_CONTENT = {"anyOf": [{"type": "string"}, _OBJECTS]}
_OPTIONAL_OBJECT = {"type": ["object", "null"]}
_FLAG = {"type": ["boolean", "null"]}
_PASSED_ON = "fields not named here are passed on as they are."

_RESPONSE_REQUEST = {
    "type": "object",
    "required": ["model", "input"],
    "description": f"OpenAI's request for a response; {_PASSED_ON}",
    "properties": {
        "model": MODEL,
        "input": {"anyOf": [{"type": "string"}, {**_OBJECTS, "minItems": 1}]},
        "instructions": {"type": ["string", "null"]},
        "tools": {**TOOLS, "description": "Functions."},
        "tool_choice": {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "null"}]},
        "text": _OPTIONAL_OBJECT,
        "reasoning": _OPTIONAL_OBJECT,
        "max_output_tokens": {"type": ["integer", "null"], "minimum": 1},
        "stream": _FLAG,
        "coe": EXTENSION,
    },
}
_RESPONSE = {
    "type": "object",
    "required": ["id", "object", "created_at", "status", "model", "output"],
    "properties": {
        "id": {"type": "string"},
        "object": {"type": "string", "const": "response"},
        "created_at": {"type": "integer"},
        "status": {"type": "string", "enum": ["completed", "incomplete"]},
        "model": {"type": "string"},
        "output": _OBJECTS,
        "usage": _OPTIONAL_OBJECT,
        "coe": _OPTIONAL_OBJECT,
    },
}
_RESPONSE_EVENTS = {
    "description": "Server-sent events, as OpenAI names them: `response.created` ..."
}

_COUNTED = {
    "model": MODEL,
    "messages": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "required": ["role", "content"],
            "properties": {
                "role": {"type": "string", "enum": ["user", "assistant", "system"]},
                "content": _CONTENT,
            },
        },
    },
    "system": {"anyOf": [*_CONTENT["anyOf"], {"type": "null"}]},
    "tools": {**TOOLS, "description": "Tools with an `input_schema`."},
    "tool_choice": _OPTIONAL_OBJECT,
    "thinking": _OPTIONAL_OBJECT,
    "output_config": _OPTIONAL_OBJECT,
    "coe": EXTENSION,
}
_COUNT_REQUEST = {
    "type": "object",
    "required": ["model", "messages"],
    "description": "Anthropic's request for a message, of which nothing but the prompt counts.",
    "properties": _COUNTED,
}
_MESSAGE_REQUEST = {
    "type": "object",
    "required": ["model", "max_tokens", "messages"],
    "description": f"Anthropic's request for a message; {_PASSED_ON}",
    "properties": {
        **_COUNTED,
        "max_tokens": {"type": "integer", "minimum": 1},
        "stop_sequences": {"type": ["array", "null"], "items": {"type": "string"}},
        "stream": _FLAG,
    },
}
_MESSAGE = {
    "type": "object",
    "required": ["id", "type", "role", "model", "content", "stop_reason", "usage"],
    "properties": {
        "id": {"type": "string"},
        "type": {"type": "string", "const": "message"},
        "role": {"type": "string", "const": "assistant"},
        "model": {"type": "string"},
        "content": _OBJECTS,
        "stop_reason": {"type": "string"},
        "usage": {"type": "object"},
        "coe": _OPTIONAL_OBJECT,
    },
}
_MESSAGE_EVENTS = {
    "description": "Server-sent events, as Anthropic names them: `message_start` ..."
}
_MESSAGE_ERROR = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"type": "string", "const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
        },
        "request_id": {"type": "string"},
    },
}

_COUNTED_TOKENS: dict[str, Any] = {
    "type": "object",
    "required": ["input_tokens"],
    "properties": {"input_tokens": {"type": "integer", "minimum": 0}},
}
_TOKENS = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}
_EMBEDDINGS_REQUEST = {
    "type": "object",
    "required": ["model", "input"],
    "description": f"OpenAI's request for embeddings; {_PASSED_ON}",
    "properties": {
        "model": {**MODEL, "description": "The id of an expert that makes embeddings."},
        "input": {
            "anyOf": [
                {"type": "string"},
                _TOKENS,
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {"anyOf": [{"type": "string"}, _TOKENS]},
                },
            ]
        },
        "encoding_format": {"enum": ["float", "base64", None]},
        "dimensions": {"type": ["integer", "null"], "minimum": 1},
        "coe": EXTENSION,
    },
}
_EMBEDDINGS = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": _OBJECTS, "model": {"type": "string"}, "usage": {"type": "object"}},
}


def dialect_paths() -> dict[str, Any]:
    """Return the OpenAPI path items of the other protocols."""
    return {
        "/v1/responses": {
            "post": operation(
                "create_response",
                "The same as a chat completion, in OpenAI's Responses protocol.",
                _RESPONSE,
                ANSWERING,
                body=_RESPONSE_REQUEST,
                events=_RESPONSE_EVENTS,
            )
        },
        "/v1/responses/input_tokens": {
            "post": operation(
                "count_response_tokens",
                "Count the tokens of a prompt, or estimate them.",
                {
                    **_COUNTED_TOKENS,
                    "properties": {
                        "object": {"type": "string", "const": "response.input_tokens"},
                        **_COUNTED_TOKENS["properties"],
                    },
                },
                (400, 401, 413),
                body=_RESPONSE_REQUEST,
            )
        },
        "/v1/messages": {
            "post": operation(
                "create_message",
                "The same as a chat completion, in Anthropic's Messages protocol.",
                _MESSAGE,
                ANSWERING,
                body=_MESSAGE_REQUEST,
                events=_MESSAGE_EVENTS,
                error=_MESSAGE_ERROR,
            )
        },
        "/v1/messages/count_tokens": {
            "post": operation(
                "count_message_tokens",
                "Count the tokens of a prompt, or estimate them.",
                _COUNTED_TOKENS,
                (400, 401, 413),
                body=_COUNT_REQUEST,
                error=_MESSAGE_ERROR,
            )
        },
        "/v1/embeddings": {
            "post": operation(
                "create_embeddings",
                "Turn texts into vectors with the expert that is named.",
                _EMBEDDINGS,
                ANSWERING,
                body=_EMBEDDINGS_REQUEST,
            )
        },
    }
