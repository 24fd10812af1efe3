"""Graders for tasks of any kind: the same text, a pattern, a JSON schema."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any

from orchestrator.conductor.evaluation.final import bare
from orchestrator.conductor.evaluation.graders.grade import RIGHT, Grade, wrong
from orchestrator.conductor.evaluation.tasks import GradedTask

_LONGEST = 100_000


def exact(answer: str, task: GradedTask) -> Grade:
    """Grade text that must be the target, or one of those where the target is a list of texts.

    Spaces around and between words, emphasis around the whole and a full stop at its end are no
    difference.
    """
    same = plain(answer) in {plain(target) for target in (task.target, *_listed(task.target))}
    return RIGHT if same else wrong("it is not the same text")


def plain(text: str) -> str:
    """Return a text as the exact grader compares it."""
    words = " ".join(bare(text).split())
    return words[:-1] if words.endswith(".") and not words.endswith("..") else words


def _listed(target: str) -> list[str]:
    """Return the texts of a target that is a JSON list of nothing else; none where it is no such list."""
    try:
        found = json.loads(target) if target.lstrip().startswith("[") else []
    except (ValueError, RecursionError):
        return []
    return found if all(isinstance(each, str) for each in found) else []


def pattern(answer: str, task: GradedTask) -> Grade:
    """Grade text that as a whole must match the target, a regular expression.

    Raises:
        ValueError: If the target is not one.
    """
    try:
        compiled = re.compile(task.target)
    except re.error as error:
        raise ValueError(f"the target is not a regular expression: {error}") from error
    if len(answer) > _LONGEST:
        return wrong(f"it is longer than {_LONGEST} characters")
    return RIGHT if compiled.fullmatch(answer.strip()) else wrong("it does not match the pattern")


def schema(answer: str, task: GradedTask) -> Grade:
    """Grade JSON that must fit the field ``schema``, and equal the target where there is one.

    Raises:
        ValueError: If there is no schema, or it is not one.
    """
    stated = task.fields.get("schema")
    if stated is None:
        raise ValueError("the task has no field 'schema'")
    try:
        value = json.loads(answer, parse_constant=_refused)
    except (ValueError, RecursionError):
        return wrong("it is not JSON and nothing else")
    problem = _problem(value, stated)
    if problem:
        return wrong(problem)
    if task.target.strip() and not _equal(value, _target_of(task)):
        return wrong("it fits the schema, but holds other values")
    return RIGHT


def _target_of(task: GradedTask) -> Any:
    try:
        return json.loads(task.target, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the target is not JSON: {error}") from error


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are the same: to JSON, ``true`` is not 1, but 1.0 is."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _problem(value: Any, stated: Any) -> str | None:
    """Return how a value breaks a schema, ``None`` where it does not."""
    library = import_module("jsonschema")  # it has no types
    unresolvable = import_module("referencing.exceptions").Unresolvable
    validator = library.validators.validator_for(stated)
    try:
        validator.check_schema(stated)
        errors = validator(stated).iter_errors(value)
        first = next(iter(errors), None)
    except (library.exceptions.SchemaError, unresolvable, TypeError) as error:
        raise ValueError(f"the schema is none: {getattr(error, 'message', error)}") from error
    return None if first is None else f"{first.json_path}: {first.message}"[:300]


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
