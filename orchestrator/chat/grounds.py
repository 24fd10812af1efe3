"""What a request brings for a strategy to work with: passages and facts, in its ``coe`` object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from orchestrator.conductor.values import Triple
from orchestrator.kit.errors import ApiError

MAX_PASSAGES = 100
MAX_FACTS = 10_000
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an answer is to stand on.

    Args:
        context: Passages, the most trusted first.
        facts: Subject, relation, object.
    """

    context: tuple[str, ...] = ()
    facts: tuple[Triple, ...] = ()


NO_GROUNDS = Grounds()


def checked_grounds(extension: Mapping[str, Any]) -> Grounds:
    """Read ``coe.context`` and ``coe.facts``.

    Raises:
        ApiError: 400, naming the entry that is not a text, or not three of them.
    """
    context, facts = extension.get("context"), extension.get("facts")
    if context is None and facts is None:
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
    return Grounds(tuple(passages), tuple((a, b, c) for a, b, c in triples))


def _list(value: Any, name: str, most: int) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        _refuse(name, f"an array of at most {most}")
    return value


def _refuse(name: str, wanted: str) -> NoReturn:
    raise ApiError(400, "invalid_request", f"'{name}' must be {wanted}.", param=name)
