"""What a wanted catalogue changes about the present one. Pure: values in, changes out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from experts.catalogue.expert import Expert

Action = Literal["create", "update", "retire", "unchanged"]


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one expert.

    Args:
        id: The expert's id.
        action: What is done.
        fields: Old and new value, as JSON values, of every field that differs; for a new expert
            those it sets. Empty for ``retire`` and ``unchanged``.
    """

    id: str
    action: Action
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def spec_of(expert: Expert) -> dict[str, Any]:
    """Return an entry as JSON values, the same for equal entries on every machine.

    Sets are sorted, and minus zero is zero as it is in Postgres' ``jsonb``.
    """
    spec: dict[str, Any] = json.loads(
        expert.model_dump_json(), parse_float=lambda digits: float(digits) + 0.0
    )
    return spec


def content_hash(spec: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of a spec's canonical text."""
    return hashlib.sha256(_text(spec).encode()).digest()


def same(old: Any, new: Any) -> bool:
    """Whether two JSON values are the same one; unlike in Python, ``1`` and ``true`` are not."""
    return _text(old) == _text(new)


def difference(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return old and new value of every field in which two specs differ.

    Args:
        old: The present spec, or ``None`` where the expert is new: then every field that is not
            at its default counts.
        new: The wanted spec.
    """
    if old is None:
        return {
            name: (None, value)
            for name, value in new.items()
            if name not in _DEFAULTS or not same(value, _DEFAULTS[name])
        }
    return {
        name: (old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if not same(old.get(name), new.get(name))
    }


def plan(
    present: Mapping[str, Mapping[str, Any]], wanted: Iterable[Expert], *, prune: bool
) -> list[Change]:
    """Return what has to happen so that the wanted experts are in the catalogue.

    Args:
        present: The specs of all experts that are not retired, by id.
        wanted: Experts with distinct ids.
        prune: Whether experts that are not wanted are retired.

    Returns:
        One change for each wanted expert, in their order, then the retirements by id.
    """
    changes: list[Change] = []
    for expert in wanted:
        old = present.get(expert.id)
        fields = difference(old, spec_of(expert))
        action: Action = "create" if old is None else "update" if fields else "unchanged"
        changes.append(Change(expert.id, action, fields))
    if prune:
        kept = {change.id for change in changes}
        changes.extend(Change(name, "retire") for name in sorted(present) if name not in kept)
    return changes


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_DEFAULTS: Mapping[str, Any] = {
    name: value
    for name, value in spec_of(Expert(id="x", provider="scripted")).items()
    if name not in {"id", "provider"}
}
