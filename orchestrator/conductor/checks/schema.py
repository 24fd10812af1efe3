"""Whether an answer is JSON that fits a schema (JSON Schema, draft 2020-12).

Schema and answer both come from others, so nothing is fetched for a ``$ref``, patterns are matched
with a limit, and the whole ends after a second: a schema can be small and its evaluation long.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NoReturn

from orchestrator.conductor.checks.pattern import NotAPattern, compiled, found

MOST_CHARACTERS = 20_000
SECONDS = 1.0
_MOST_FAULTS = 3
_LONGEST_FAULT = 300
_LEFT_OUT = "patternProperties"
"""Also read by other keywords, which match it without a limit."""

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]


class NotASchema(Exception):
    """The value is no schema that can be checked; says why."""


def checked_schema(schema: Any) -> dict[str, Any]:
    """Return a schema if it is one.

    Raises:
        NotASchema: If not, or if it is too large or uses what is not supported.
    """
    from jsonschema.exceptions import SchemaError

    if not isinstance(schema, dict):
        raise NotASchema("not an object")
    if len(json.dumps(schema)) > MOST_CHARACTERS:
        raise NotASchema(f"longer than {MOST_CHARACTERS} characters")
    try:
        for pattern in _patterns(schema):
            compiled(pattern)
        _validators()[0].check_schema(schema)
    except SchemaError as error:
        raise NotASchema(error.message[:_LONGEST_FAULT]) from error
    except NotAPattern as error:
        raise NotASchema(f"a pattern that cannot be read: {error}") from error
    except RecursionError as error:
        raise NotASchema("nested too deeply") from error
    return schema


def schema_faults(answer: str, schema: dict[str, Any]) -> tuple[str, ...]:
    """Say where an answer does not fit a schema; what cannot be told in time is let pass."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        value = json.loads(answer, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return ("It is not JSON: nothing but JSON may stand in it, and no code fence around it.",)
    validator_class, deadline = _validators()
    deadline.at = time.monotonic() + SECONDS
    registry: Registry[Any] = Registry()
    try:
        validator = validator_class(schema, registry=registry)
        errors = list(itertools.islice(validator.iter_errors(value), _MOST_FAULTS))
    except (TimeoutError, RecursionError, Unresolvable):
        return ()
    return tuple(f"At {each.json_path}: {each.message[:_LONGEST_FAULT]}" for each in errors)


class _Deadline(threading.local):
    """When an evaluation has to end, in each thread."""

    at = 0.0


@lru_cache(maxsize=1)
def _validators() -> tuple[Any, _Deadline]:
    """Return the class of validators, and its deadline. The first call imports the library."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    deadline = _Deadline()

    def bounded(keyword: Keyword) -> Keyword:
        def run(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if time.monotonic() > deadline.at:
                raise TimeoutError
            yield from keyword(validator, value, instance, schema) or ()

        return run

    keywords = {**Draft202012Validator.VALIDATORS, "pattern": _pattern, "uniqueItems": _unique}
    timed = {name: bounded(keyword) for name, keyword in keywords.items()}
    made = extend(Draft202012Validator, timed)
    return made, deadline


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    del validator, schema
    if isinstance(instance, str) and not found(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _unique(validator: Any, unique: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Compare by what is written: the library's own takes the square of the number of items."""
    from jsonschema.exceptions import ValidationError

    del validator, schema
    if unique and isinstance(instance, list):
        written = {json.dumps(each, sort_keys=True) for each in instance}
        if len(written) < len(instance):
            yield ValidationError("items are not all different")


def _patterns(schema: Any) -> Iterator[str]:
    """Yield the patterns anywhere in a schema.

    Raises:
        NotASchema: If there are properties by pattern.
    """
    if isinstance(schema, dict):
        if isinstance(schema.get(_LEFT_OUT), dict):
            raise NotASchema(f"'{_LEFT_OUT}' is not supported")
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for value in schema.values():
            yield from _patterns(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _patterns(value)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
