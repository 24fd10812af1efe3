"""The service's OpenAPI document, operation by operation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any, cast

import httpx

from orchestrator.app import create_app
from orchestrator.bootstrap import Services
from orchestrator.kit.settings import Settings

Schema = dict[str, Any]


@cache
def document() -> dict[str, Any]:
    """Return what ``/openapi.json`` says; it needs no service that is open."""
    services = cast("Services", SimpleNamespace(settings=Settings(), keys=None, audit=None))

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get("/openapi.json")

    with ThreadPoolExecutor(1) as thread:  # which has no event loop of the tests'
        answer = thread.submit(lambda: asyncio.run(get())).result()
    return cast("dict[str, Any]", answer.raise_for_status().json())


def whole(schema: Schema) -> Schema:
    """Return a schema, or what it refers to."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation."""

    method: str
    template: str
    spec: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"

    def parameters(self, where: str) -> dict[str, Schema]:
        """Return the schemas of its parameters in ``query``, ``path`` or ``header``, by name."""
        listed = self.spec.get("parameters", ())
        return {one["name"]: one["schema"] for one in listed if one["in"] == where}

    @property
    def bodies(self) -> dict[str, Schema]:
        """The schemas of its body, by media type."""
        content = self.spec.get("requestBody", {}).get("content", {})
        return {kind: media.get("schema", {}) for kind, media in content.items()}

    @property
    def answers(self) -> dict[str, Schema | None]:
        """The schemas of its successes, by media type; an empty type: no body."""
        found: dict[str, Schema | None] = {}
        for status, answer in self.spec["responses"].items():
            if status[0] in "23":
                kinds = answer.get("content") or {"": {}}
                found |= {kind: media.get("schema") for kind, media in kinds.items()}
        return found

    def matches(self, method: str, path: str) -> bool:
        return method == self.method and self._pattern.fullmatch(path) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.template)))


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(method.upper(), template, spec)
        for template, methods in document()["paths"].items()
        for method, spec in methods.items()
    )


def operation_of(method: str, path: str) -> Operation | None:
    """Return the operation that a request is for: the one that leaves least open."""
    found = [one for one in operations() if one.matches(method, path)]
    return min(found, key=lambda one: one.template.count("{"), default=None)


def properties(schema: Schema, where: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the dotted names of all fields that a schema names."""
    schema = whole(schema)
    if depth > 6:
        return
    for name, inner in schema.get("properties", {}).items():
        yield f"{where}{name}"
        yield from properties(inner, f"{where}{name}.", depth + 1)
    for inner in (
        part for several in ("anyOf", "oneOf", "allOf") for part in schema.get(several, ())
    ):
        yield from properties(inner, where, depth + 1)
    if isinstance(schema.get("items"), dict):
        yield from properties(schema["items"], where, depth + 1)
