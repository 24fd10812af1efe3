"""Documents that a schema allows, and whether a typed result says all that is in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from coe_client.types import Page
from tests.integration.client.contract.document import Schema, whole

TEXTS = {"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "uri": "http://host/"}


def instance(schema: Schema, *, full: bool) -> Any:
    """Return a document of a schema: with a value everywhere, or null and nothing wherever that is allowed."""
    schema = whole(schema)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return _of_many(schema[several], full=full)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _of_many([{**schema, "type": one} for one in kind], full=full)
    return _of_kind(kind, schema, full=full)


def _of_many(schemas: list[Schema], *, full: bool) -> Any:
    nothing = [one for one in schemas if one.get("type") == "null"]
    something = [one for one in schemas if one.get("type") != "null"]
    return instance((something if full or not nothing else nothing)[0], full=full)


def _of_kind(kind: str | None, schema: Schema, *, full: bool) -> Any:
    if kind == "object" or "properties" in schema:
        return _object(schema, full=full)
    if kind == "array":
        if "prefixItems" in schema:
            return [instance(one, full=full) for one in schema["prefixItems"]]
        count = max(schema.get("minItems", 0), int(full))
        return [instance(schema.get("items", {}), full=full) for _ in range(count)]
    if kind == "string":
        return TEXTS.get(schema.get("format", ""), "text")
    if kind == "number":
        return 0.5
    return {"integer": 7, "boolean": True, "null": None}.get(kind or "", "anything")


def _object(schema: Schema, *, full: bool) -> dict[str, Any]:
    required = schema.get("required", ())
    found = {
        name: instance(inner, full=full)
        for name, inner in schema.get("properties", {}).items()
        if full or name in required
    }
    values = schema.get("additionalProperties")
    if full and isinstance(values, dict):
        found["key"] = instance(values, full=True)
    return found


def differences(schema: Schema, value: Any, where: str = "") -> Iterator[str]:
    """Yield what a result made of a full document leaves untyped, and what it has that nobody sends."""
    schema = whole(schema)
    for inner in schema.get("anyOf", ()):
        if inner.get("type") != "null":
            yield from differences(inner, value, where)
            return
    if "properties" in schema:
        yield from _object_differences(schema, value, where)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for one in value:
            yield from differences(schema["items"], one, f"{where}[]")
    elif isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        for one in value.values():
            yield from differences(schema["additionalProperties"], one, f"{where}{{}}")


def _object_differences(schema: Schema, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, BaseModel):
        yield f"{where or 'the answer'} is a {type(value).__name__}, not a type with fields"
        return
    fields = type(value).model_fields
    if isinstance(value, Page):  # whatever the page is called on the wire, these say all of it
        yield from differences(schema["properties"]["data"], value.data, f"{where}.data")
        return
    for name, inner in schema["properties"].items():
        if name not in fields:
            yield f"{where}.{name} is sent, and {type(value).__name__} has no such field"
        else:
            yield from differences(inner, getattr(value, name), f"{where}.{name}")
    for name in fields.keys() - {"object"}:  # which only tells protocols apart
        if name not in schema["properties"]:
            yield f"{where}.{name} is a field of {type(value).__name__}, and never sent"
