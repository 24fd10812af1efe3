"""What a request brings for a strategy to work with: passages, facts, checks, in its ``coe`` object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from orchestrator.conductor.checks import NO_CHECKS, Checks
from orchestrator.conductor.checks.pattern import NotAPattern, compiled
from orchestrator.conductor.checks.schema import NotASchema, checked_schema
from orchestrator.conductor.values import Triple
from orchestrator.kit.errors import ApiError

MAX_PASSAGES = 100
MAX_FACTS = 10_000
MAX_CHECKS = 20
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an answer is to stand on.

    Args:
        context: Passages, the most trusted first.
        facts: Subject, relation, object.
        checks: That it has to pass.
    """

    context: tuple[str, ...] = ()
    facts: tuple[Triple, ...] = ()
    checks: Checks = NO_CHECKS


NO_GROUNDS = Grounds()


def checked_grounds(extension: Mapping[str, Any]) -> Grounds:
    """Read ``coe.context``, ``coe.facts`` and ``coe.checks``.

    Raises:
        ApiError: 400, naming the entry that is not what it has to be.
    """
    context, facts = extension.get("context"), extension.get("facts")
    if context is None and facts is None and extension.get("checks") is None:
        return NO_GROUNDS
    passages = _list(context, "coe.context", MAX_PASSAGES)
    for index, passage in enumerate(passages):
        if not isinstance(passage, str):
            _refuse(f"coe.context[{index}]", "a string")
    triples = _list(facts, "coe.facts", MAX_FACTS)
    for index, fact in enumerate(triples):
        texts = isinstance(fact, list) and all(isinstance(part, str) and part for part in fact)
        if not texts or len(fact) != _PARTS:
            _refuse(f"coe.facts[{index}]", "three non-empty strings: subject, relation, object")
    checks = _checks(extension.get("checks"))
    return Grounds(tuple(passages), tuple((a, b, c) for a, b, c in triples), checks)


def with_format(checks: Checks, response_format: Mapping[str, Any] | None) -> Checks:
    """Return the checks and, where the request asks for JSON of a schema, that the answer fits it.

    Raises:
        ApiError: 400, if that schema cannot be checked.
    """
    if response_format is None or response_format.get("type") != "json_schema":
        return checks
    described = response_format.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if schema is None:
        return checks
    checked = _schema(schema, "response_format.json_schema.schema")
    return replace(checks, schemas=(*checks.schemas, checked))


def _checks(value: Any) -> Checks:
    patterns: list[str] = []
    schemas: list[dict[str, Any]] = []
    flags = {"equations": False, "units": False}
    for index, check in enumerate(_list(value, "coe.checks", MAX_CHECKS)):
        name = f"coe.checks[{index}]"
        if not isinstance(check, dict) or len(check) != 1:
            _refuse(name, "an object with one of 'regex', 'schema', 'equations', 'units'")
        ((kind, wanted),) = check.items()
        if kind == "regex":
            patterns.append(_pattern(wanted, f"{name}.regex"))
        elif kind == "schema":
            schemas.append(_schema(wanted, f"{name}.schema"))
        elif kind in flags and wanted is True:
            flags[kind] = True
        else:
            _refuse(name, "an object with one of 'regex', 'schema', 'equations', 'units'")
    return Checks(tuple(patterns), tuple(schemas), **flags)


def _pattern(value: Any, name: str) -> str:
    if not isinstance(value, str):
        _refuse(name, "a string")
    try:
        compiled(value)
    except NotAPattern as error:
        raise ApiError(
            400, "invalid_request", f"'{name}' is no regular expression: {error}.", param=name
        ) from error
    return value


def _schema(value: Any, name: str) -> dict[str, Any]:
    try:
        return checked_schema(value)
    except NotASchema as error:
        raise ApiError(
            400, "invalid_request", f"'{name}' cannot be checked: {error}.", param=name
        ) from error


def _list(value: Any, name: str, most: int) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        _refuse(name, f"an array of at most {most}")
    return value


def _refuse(name: str, wanted: str) -> NoReturn:
    raise ApiError(400, "invalid_request", f"'{name}' must be {wanted}.", param=name)
