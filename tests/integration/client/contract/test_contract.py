"""The client and the service's OpenAPI document say the same, in both directions.

Every method is called with all its arguments and with as few as possible. What it would send has to be what the
document describes; what the document describes has to be sent by some method; and answers made from the document,
once with everything in them and once with as little as is allowed, have to be read into types that name all of it
and nothing else. The client for coroutines has the same methods, from the same text (``test_package``,
``test_sync_from_async``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from coe_client.types import WireModel
from tests.integration.client.contract.calls import Sent, Spy, called
from tests.integration.client.contract.document import (
    Operation,
    document,
    operations,
    properties,
)
from tests.integration.client.contract.instances import differences, instance
from tests.integration.client.contract.samples import NOT_OFFERED, NOT_SENT, NOT_TAKEN


@cache
def spies() -> tuple[Spy, Spy]:
    return called(full=True), called(full=False)


def sent_to(operation: Operation) -> list[Sent]:
    return [sent for sent in spies()[0].sent if sent.operation is operation]


def test_every_operation_has_a_method_and_every_method_an_operation() -> None:
    missing = [one.name for one in operations() if not sent_to(one)]
    assert missing == list(NOT_OFFERED)


def test_what_is_answered_is_what_the_types_say() -> None:
    full, least = spies()
    assert full.faults == []
    assert least.faults == []


@pytest.mark.parametrize("where", ["query", "header", "body"])
def test_what_can_be_said_can_be_said_by_a_method(where: str) -> None:
    untaken = [
        f"{where} {one.name} {name}"
        for one in operations()
        if one.name not in NOT_OFFERED
        for name in sorted(describes(one, where) - says(one, where))
    ]
    assert untaken == [name for name in NOT_TAKEN if name.startswith(where)]


def test_what_methods_say_is_what_the_document_allows() -> None:
    faults = [
        f"{sent.by}: {sent.operation.name}: {fault}"
        for spy in spies()
        for sent in spy.sent
        if sent.operation is not None
        for fault in (*query_faults(sent, sent.operation), *body_faults(sent, sent.operation))
    ]
    assert faults == []


def test_reads_may_be_repeated() -> None:
    assert all(sent.request.repeatable for sent in spies()[0].sent if sent.request.method == "GET")


def test_every_exception_is_one() -> None:
    names = {one.name for one in operations()}
    assert set(NOT_OFFERED) <= names
    assert {name.split(" ", 1)[1].rpartition(" ")[0] for name in NOT_TAKEN} <= names
    assert not set(NOT_SENT) & {sent.by for sent in spies()[0].sent}


class Some(WireModel):
    kept: str = ""
    gone: int = 0


class Around(WireModel):
    some: Some
    loose: Any = None


def test_drift_is_seen() -> None:
    text = {"type": "string"}
    some = {"type": "object", "properties": {"kept": text, "new": {"type": "integer"}}}
    schema = {"properties": {"some": {"anyOf": [some, {"type": "null"}]}, "loose": some}}
    found = Around.model_validate(instance(schema, full=True))
    assert list(differences(schema, found)) == [
        ".some.new is sent, and Some has no such field",
        ".some.gone is a field of Some, and never sent",
        ".loose is a dict, not a type with fields",
    ]
    assert list(properties(schema)) == [
        "some", "some.kept", "some.new", "loose", "loose.kept", "loose.new"
    ]  # fmt: skip
    assert invalid(some, {"new": "text"})
    assert not invalid(some, {"new": 7})


def describes(operation: Operation, where: str) -> set[str]:
    if where != "body":
        return set(operation.parameters(where))
    return {name for schema in operation.bodies.values() for name in properties(schema)}


def says(operation: Operation, where: str) -> set[str]:
    said: set[str] = set()
    for sent in sent_to(operation):
        if where == "query":
            said |= set(sent.query)
        elif where == "body":
            said |= set(named(sent.body))
    return said


def named(body: Any, where: str = "") -> Iterator[str]:
    """Yield the dotted names of all fields in a body."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield f"{where}{name}"
            yield from named(value, f"{where}{name}.")
    elif isinstance(body, list):
        for value in body:
            yield from named(value, where)


def query_faults(sent: Sent, operation: Operation) -> Iterator[str]:
    schemas = operation.parameters("query")
    for name, value in sent.query.items():
        if name not in schemas:
            yield f"there is no parameter {name}"
        elif all(invalid(schemas[name], one) for one in as_sent(value)):
            yield f"{name}={value}: {invalid(schemas[name], value)}"


def as_sent(value: str) -> list[Any]:
    """Return what a text in a query may stand for."""
    listed = [value, value.split(",")]
    if value in {"true", "false"}:
        return [*listed, value == "true"]
    if value.isdecimal():
        return [*listed, int(value)]
    return [*listed, float(value)] if value.replace(".", "", 1).isdecimal() else listed


def body_faults(sent: Sent, operation: Operation) -> Iterator[str]:
    if sent.body is None or isinstance(sent.body, bytes):
        if not (operation.bodies or {"": {}}).keys() <= {"", "application/octet-stream"}:
            yield "sends no document"
        return
    for schema in operation.bodies.values():
        if fault := invalid(schema, sent.body):
            yield f"body: {fault}"
    if not operation.bodies:
        yield "takes no body"


def invalid(schema: dict[str, Any], value: Any) -> str:
    """Return what is wrong with a value; nothing: an empty text."""
    rooted = {**schema, "components": document()["components"]}
    fault = next(Draft202012Validator(rooted).iter_errors(value), None)
    return "" if fault is None else f"{fault.json_path}: {fault.message}"
