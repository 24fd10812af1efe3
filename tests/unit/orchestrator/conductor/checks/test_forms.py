"""JSON schemas and regular expressions: what they refuse, and that neither can take long."""

from __future__ import annotations

import json
import time
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.conductor.checks import NO_CHECKS, Checks
from orchestrator.conductor.checks.pattern import NotAPattern, compiled, missed_pattern
from orchestrator.conductor.checks.schema import NotASchema, checked_schema, schema_faults

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"name": "Ada", "age": 36}', ""),
        (' {"name": "Ada", "age": 36}\n', ""),
        ('{"name": "Ada"}', "'age' is a required property"),
        ('{"name": "ada", "age": 36}', "At $.name: 'ada' does not match"),
        ('{"name": "Ada", "age": 1.5}', "At $.age"),
        ('{"name": "Ada", "age": 1, "x": 1}', "Additional properties"),
        ('```json\n{"name": "Ada", "age": 36}\n```', "no code fence"),
        ('{"name": "Ada", "age": NaN}', "not JSON"),
        ("Ada is 36.", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("9" * 5000, "not JSON"),
        ("", "not JSON"),
    ],
)
def test_schema(answer: str, said: str) -> None:
    found = " ".join(schema_faults(answer, checked_schema(PERSON)))
    assert said in found
    assert bool(said) == bool(found)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ([], "not an object"),
        ({"type": "nothing"}, "nothing"),
        ({"pattern": "("}, "pattern"),
        ({"properties": {"a": {"patternProperties": {"(a+)+$": {}}}}}, "not supported"),
        ({"enum": ["x" * 30_000]}, "longer"),
    ],
)
def test_what_is_no_schema_is_refused(schema: Any, said: str) -> None:
    with pytest.raises(NotASchema, match=said):
        checked_schema(schema)


def doubling() -> dict[str, Any]:
    definitions: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)
    }
    return {"$defs": {**definitions, "d40": {}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (doubling(), 1),
        ({"$ref": "#"}, 1),
        ({"pattern": "(a+)+$"}, "a" * 5000 + "b"),
        ({"uniqueItems": True}, [[{"a": n}] for n in range(5000)]),
        ({"$ref": "http://127.0.0.1:1/schema"}, 1),
    ],
)
def test_no_schema_takes_long_or_fetches_anything(schema: dict[str, Any], value: Any) -> None:
    began = time.perf_counter()
    with warnings.catch_warnings(action="error"):
        assert schema_faults(json.dumps(value), checked_schema(schema)) == ()
    assert time.perf_counter() - began < 5


def test_items_that_are_alike_are_found() -> None:
    assert schema_faults('[{"a": 1, "b": 2}, {"b": 2, "a": 1}]', {"uniqueItems": True})


def test_pattern() -> None:
    assert missed_pattern("The answer is 42.", r"\b42\b") == ()
    assert missed_pattern("The answer is 43.", r"\b42\b")
    assert missed_pattern(" 42 \n", r"^\d+$") == ()
    for wrong in ("(", "a" * 2000, "[z-a]"):
        with pytest.raises(NotAPattern):
            compiled(wrong)


def test_no_pattern_takes_long() -> None:
    began = time.perf_counter()
    assert missed_pattern("a" * 5000 + "b", "(a+)+$") == ()
    assert time.perf_counter() - began < 3


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_pattern_and_text(pattern: str, text: str) -> None:
    try:
        compiled(pattern)
    except NotAPattern:
        return
    missed_pattern(text, pattern)


@given(st.text(max_size=80))
def test_any_answer(answer: str) -> None:
    checks = Checks(patterns=("x",), schemas=(PERSON,), equations=True, units=True)
    assert checks.faults(answer)
    assert NO_CHECKS.faults(answer) == ()


def test_all_faults_are_told_and_a_very_long_answer_is_let_pass() -> None:
    checks = Checks(patterns=("^x",), equations=True, units=True)
    assert len(checks.faults("1 + 1 = 3 and so\n1 m + 1 m = 3 m")) == 3
    assert checks.faults("y" * 200_000) == ()
    assert checks
    assert not NO_CHECKS
