"""Writes ``docs/reference/api.md`` from the OpenAPI document: ``python -m tests.docs.references``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.docs.blocks import ROOT
from tests.integration.client.contract.document import Operation, document, operations, whole

PAGE = ROOT / "docs" / "reference" / "api.md"
_HEAD = """# API, field by field

Written from the service's own OpenAPI document by `python -m tests.docs.references`; do not edit by hand. The running
service shows the same at `/docs`, to try out, and at `/openapi.json`, for programs. [HTTP API](http.md) says what the
operations are for and which role each needs, [Errors](errors.md) what a failure looks like.

A *page of* something is an object with `data`, a list of it, and `next`, which is `null` on the last page and otherwise
goes into `after` to get the page behind it. What has neither a default nor the word *optional* is required in
a request, and always there in an answer.
"""
Schema = dict[str, Any]


def page() -> str:
    """Return the page."""
    tags = sorted({_tag(one) for one in operations()}, key=lambda tag: (tag != "chat", tag))
    lines = [_HEAD]
    for tag in tags:
        lines.append(f"## {tag.replace('-', ' ').capitalize()}\n")
        for one in operations():
            if _tag(one) == tag:
                lines += _operation(one)
    lines.append("## Types\n")
    for name in _named():
        lines += _type(name)
    return "\n".join(lines)


def _tag(one: Operation) -> str:
    return str((one.spec.get("tags") or ["other"])[0])


def _operation(one: Operation) -> Iterator[str]:
    yield f"### `{one.name}`\n"
    yield f"{_text(one.spec.get('description') or one.spec.get('summary'))}\n"
    rows = [
        f"| `{parameter['name']}` | {parameter['in']} | {_shown(parameter['schema'])} | "
        f"{_meaning(parameter['schema'], parameter)} |"
        for parameter in one.spec.get("parameters", ())
    ]
    if rows:
        yield "\n".join(
            ["| parameter | in | type | what it is |", "| --- | --- | --- | --- |", *rows, ""]
        )
    for kind, schema in one.bodies.items():
        yield f"Body, `{kind}`: {_shown(schema)}.\n"
        if "$ref" not in schema:
            yield from _fields(schema)
    answers = [
        f"{_shown(schema)} (`{kind}`)" if _says(schema) else f"`{kind}`" if kind else "no body"
        for kind, schema in one.answers.items()
    ]
    codes = [status for status in one.spec["responses"] if status[0] in "45"]
    failures = f" Failures: {', '.join(codes)}." if codes else ""
    yield f"Answer: {' or '.join(answers)}.{failures}\n"


def _says(schema: Schema | None) -> bool:
    """Whether a schema says more than its media type does."""
    return bool(schema) and _shown(schema or {}) != "anything"


def _named() -> list[str]:
    """Return the types that are shown, by name; pages are explained at the head."""
    schemas = document()["components"]["schemas"]
    return sorted((name for name in schemas if not name.startswith("Page_")), key=str.lower)


def _type(name: str) -> Iterator[str]:
    schema = document()["components"]["schemas"][name]
    yield f"### {_title(name)}\n"
    if schema.get("description"):
        yield f"{_text(schema['description'])}\n"
    if schema.get("properties"):
        yield from _fields(schema)
    else:
        yield f"{_shown(schema).capitalize()}.\n"


def _fields(schema: Schema) -> Iterator[str]:
    required = set(schema.get("required", ()))
    rows = [
        f"| `{name}` | {_shown(field)} | {_meaning(field, {'required': name in required})} |"
        for name, field in schema.get("properties", {}).items()
    ]
    if rows:
        yield "\n".join(["| field | type | what it is |", "| --- | --- | --- |", *rows, ""])


def _meaning(schema: Schema, described: Schema) -> str:
    """Return what a field is, its bounds and its default."""
    said = _text(described.get("description") or schema.get("description"))
    notes = [*_bounds(schema)]
    if "default" in schema and schema["default"] is not None:
        notes.append(f"default `{_cell(json.dumps(schema['default'], ensure_ascii=False))}`")
    elif not described.get("required"):
        notes.append("optional")
    note = "; ".join(notes)
    return f"{said} {note[:1].upper()}{note[1:]}.".strip() if note else said


def _bounds(schema: Schema) -> Iterator[str]:
    for part in (schema, *schema.get("anyOf", ())):
        low = part.get("minimum", part.get("exclusiveMinimum"))
        high = part.get("maximum", part.get("exclusiveMaximum"))
        if low is not None or high is not None:
            least = "" if low is None else f"at least {low:g}"
            most = "" if high is None else f"at most {high:g}"
            yield f"{low:g} to {high:g}" if least and most else least or most
        if "maxLength" in part:
            yield f"at most {part['maxLength']} characters"


def _shown(schema: Schema) -> str:
    """Return a type in words, linked to where it is explained."""
    if "$ref" in schema:
        return _reference(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return f"`{_cell(json.dumps(schema['const']))}`"
    if "enum" in schema:
        return " or ".join(f"`{_cell(json.dumps(value))}`" for value in schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            shown = dict.fromkeys(_shown(part) for part in schema[several])
            return " or ".join(one for one in shown if one != "anything") or "anything"
    kind = schema.get("type", "object" if "properties" in schema else "anything")
    if isinstance(kind, list):
        return " or ".join(_shown({**schema, "type": one}) for one in kind)
    if kind == "array":
        return f"list of {_shown(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_shown(schema['additionalProperties'])}"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _reference(name: str) -> str:
    if name.startswith("Page_"):
        inner = whole({"$ref": f"#/components/schemas/{name}"})["properties"]["data"]["items"]
        return f"page of {_shown(inner)}"
    return f"[{_title(name)}](#{_title(name).lower()})"


def _title(name: str) -> str:
    """Return a type's name as a heading: also Python's for a generic one is letters and dashes."""
    return name.strip("_").replace("__", "-").replace("_", "-")


def _text(text: str | None) -> str:
    return _cell(" ".join((text or "").replace("``", "`").split()))


def _cell(text: str) -> str:
    return (
        text.replace("|", "\\|").replace("<", "&lt;")
        if "`" not in text
        else text.replace("|", "\\|")
    )
