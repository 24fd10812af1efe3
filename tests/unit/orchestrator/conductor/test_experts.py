"""How runs call the catalogue's experts."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.conductor.experts import within

from .conftest import expert


@pytest.mark.parametrize(
    ("own", "asked", "sent"),
    [
        ({}, {}, {}),
        ({"max_tokens": 24}, {}, {}),
        ({}, {"max_tokens": 500}, {"max_tokens": 500}),
        ({"max_tokens": 24}, {"max_tokens": 500, "seed": 1}, {"max_tokens": 24, "seed": 1}),
        ({"max_tokens": 900}, {"max_tokens": 500}, {"max_tokens": 500}),
        ({"max_completion_tokens": 24}, {"max_tokens": 500}, {"max_completion_tokens": 24}),
        ({"max_tokens": "many"}, {"max_tokens": 500}, {"max_tokens": 500}),
    ],
)
def test_what_is_left_of_a_run_lengthens_no_answer(
    own: dict[str, Any], asked: dict[str, Any], sent: dict[str, Any]
) -> None:
    entry = expert("e", "echo")
    entry = entry.model_copy(update={"parameters": {**entry.parameters, **own}})
    before = dict(asked)
    assert within(entry, asked) == sent
    assert asked == before
