"""What a request brings for a strategy to work with: passages, facts, checks, limits.

In a chat request they stand in its ``coe`` object, in a run's they are fields of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NoReturn

from orchestrator.conductor.checks import NO_CHECKS, Checks
from orchestrator.conductor.checks.pattern import NotAPattern, compiled
from orchestrator.conductor.checks.schema import NotASchema, checked_schema
from orchestrator.conductor.limits import Limits
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
        limits: What the run may use, where the caller says so; by their names in :class:`Limits`.
    """

    context: tuple[str, ...] = ()
    facts: tuple[Triple, ...] = ()
    checks: Checks = NO_CHECKS
    limits: Mapping[str, Any] = field(default_factory=dict)


NO_GROUNDS = Grounds()
_READ = ("context", "facts", "checks", "limits")
_LIMITS = {each.name: each.type for each in fields(Limits)}


def checked_grounds(given: Mapping[str, Any], place: str = "coe.") -> Grounds:
    """Read ``context``, ``facts``, ``checks`` and ``limits``.

    Args:
        given: Where they stand.
        place: What their names are led by in an error.

    Raises:
        ApiError: 400, naming the entry that is not what it has to be.
    """
    if given.get("approval") is not None:
        told = "Only a run in the background can wait for somebody: POST /v1/runs."
        raise ApiError(400, "invalid_request", told, param=f"{place}approval")
    if all(given.get(name) is None for name in _READ):
        return NO_GROUNDS
    passages = _list(given.get("context"), f"{place}context", MAX_PASSAGES)
    for index, passage in enumerate(passages):
        if not isinstance(passage, str):
            _refuse(f"{place}context[{index}]", "a string")
    triples = _list(given.get("facts"), f"{place}facts", MAX_FACTS)
    for index, fact in enumerate(triples):
        listed = isinstance(fact, list | tuple) and len(fact) == _PARTS
        if not listed or not all(isinstance(part, str) and part for part in fact):
            _refuse(f"{place}facts[{index}]", "three non-empty strings: subject, relation, object")
    return Grounds(
        tuple(passages),
        tuple((a, b, c) for a, b, c in triples),
        _checks(given.get("checks"), f"{place}checks"),
        _limits(given.get("limits"), f"{place}limits"),
    )


def bounded(limits: Limits, asked: Mapping[str, Any], place: str = "coe.") -> Limits:
    """Return what a run may use: what is asked for, and else what is allowed.

    Args:
        limits: What is allowed.
        asked: Fields of it.
        place: What their names are led by in an error.

    Raises:
        ApiError: 400, naming the limit that is above what is allowed.
    """
    for name, value in asked.items():
        most = getattr(limits, name)
        if value > most:
            raise ApiError(
                400,
                "invalid_request",
                f"A run may use at most {most:g} here (see the settings).",
                param=f"{place}limits.{name}",
            )
    return replace(limits, **asked)


def written(checks: Checks) -> list[dict[str, Any]]:
    """Return checks as a request has them."""
    found: list[dict[str, Any]] = [{"regex": pattern} for pattern in checks.patterns]
    found += [{"schema": schema} for schema in checks.schemas]
    return found + [{name: True} for name in ("equations", "units") if getattr(checks, name)]


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


def _limits(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        _refuse(name, f"an object with some of {', '.join(_LIMITS)}")
    for limit, amount in value.items():
        if limit not in _LIMITS:
            _refuse(f"{name}.{limit}", f"one of {', '.join(_LIMITS)}")
        whole = _LIMITS[limit] == "int"
        number = isinstance(amount, int if whole else int | float) and not isinstance(amount, bool)
        if not number or not 0 < amount < math.inf:
            _refuse(f"{name}.{limit}", f"a {'whole number' if whole else 'number'} above 0")
    return dict(value)


def _checks(value: Any, place: str) -> Checks:
    patterns: list[str] = []
    schemas: list[dict[str, Any]] = []
    flags = {"equations": False, "units": False}
    for index, check in enumerate(_list(value, place, MAX_CHECKS)):
        name = f"{place}[{index}]"
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
