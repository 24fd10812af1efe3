"""An expert's entry as the values of a form, and back. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import yaml

Entry = dict[str, Any]
Values = dict[str, Any]
"""By field: text as it was typed, numbers, truth values, lists. A field of an endpoint is named with its place,
such as ``endpoints[0].url``, those of prices with theirs, such as ``price.input``."""

TEXTS = ("id", "name", "description", "model", "system_prompt")
NUMBERS = (
    "context_window",
    "active_parameters",
    "total_parameters",
    "price.input",
    "price.output",
    "price.cached_input",
    "price.cache_write",
    "price.reasoning",
)
WORDS = ("tags", "aliases", "fallbacks")
CHOICES = ("capabilities", "accepts")
_WHOLE = frozenset({"context_window"})
_USUAL = ["streaming"]
_MEANT = frozenset({"capabilities"})
"""Fields that say something even where they are empty."""
_DEFAULTS = (("enabled", True), ("weight", 1), ("input", 0), ("output", 0))


class Unreadable(ValueError):
    """What was typed cannot be read.

    Args:
        field: Where.
        reason: Why, for people.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def values_of(entry: Mapping[str, Any]) -> Values:
    """Return an entry as the values of a form."""
    values: Values = {"enabled": entry.get("enabled", True)}
    for name in TEXTS:
        values[name] = entry.get(name) or ""
    for name in NUMBERS:
        values[name] = _read(entry, name)
    for name in WORDS:
        values[name] = ", ".join(entry.get(name) or ())
    for name in CHOICES:
        values[name] = list(entry.get(name) or ())
    if "capabilities" not in entry:
        values["capabilities"] = list(_USUAL)
    parameters = entry.get("parameters") or {}
    values["parameters"] = (
        json.dumps(parameters, indent=2, ensure_ascii=False) if parameters else ""
    )
    for at, endpoint in enumerate(entry.get("endpoints") or ()):
        values |= {f"endpoints[{at}].{key}": value for key, value in _typed(endpoint).items()}
    return values


def entry_of(provider: str, values: Values, base: Mapping[str, Any]) -> Entry:
    """Return the entry that a form describes.

    Args:
        provider: How the expert is called.
        values: Of the form; what is empty is left out.
        base: The entry that is changed: what the form has no field for is kept.

    Raises:
        Unreadable: A number or the parameters, which the API could not be sent as they are.
    """
    entry = deepcopy(dict(base))
    entry["provider"] = provider
    for name in TEXTS:
        _put(entry, name, str(values.get(name) or "").strip() or None)
    for name in NUMBERS:
        _put(entry, name, _number(name, values.get(name)))
    for name in WORDS:
        _put(entry, name, _words(values.get(name)) or None)
    for name in CHOICES:
        _put(entry, name, sorted(values.get(name) or ()) or None)
    if not entry.get("capabilities"):
        entry["capabilities"] = []
    elif entry["capabilities"] == _USUAL and "capabilities" not in base:
        del entry["capabilities"]
    _put(entry, "parameters", _object("parameters", values.get("parameters")) or None)
    _put(entry, "endpoints", _endpoints(values, base) or None)
    _put(entry, "enabled", None if values.get("enabled", True) else False)
    if not entry.get("price"):
        entry.pop("price", None)
    return entry


def concise(entry: Mapping[str, Any]) -> Entry:
    """Return an entry without what it would be without, too."""
    kept: Entry = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            value = concise(value)
        elif isinstance(value, list):
            value = [concise(one) if isinstance(one, Mapping) else one for one in value]
        empty = value is None or value in ("", [], {}) or (name, value) in _DEFAULTS
        if not empty or name in _MEANT:
            kept[name] = value
    return kept


def as_yaml(entry: Mapping[str, Any]) -> str:
    """Return an entry as it would stand in a file of experts."""
    ordered = {"id": entry.get("id", ""), **entry}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, default_flow_style=False)


def from_yaml(text: str) -> Entry:
    """Read an entry from YAML or JSON: alone, or as the only one of a file of experts.

    Raises:
        Unreadable: It is none.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        reason = getattr(error, "problem", None) or "it is no YAML"
        raise Unreadable("", f"{where}{reason}") from None
    if isinstance(found, dict) and set(found) == {"experts"}:
        found = found["experts"]
    if isinstance(found, list):
        if len(found) != 1:
            raise Unreadable("", f"There are {len(found)} entries; one at a time is added here.")
        found = found[0]
    if not isinstance(found, dict):
        raise Unreadable("", "An entry has fields, such as 'id: my-expert'.")
    return {str(name): value for name, value in found.items()}


def count_endpoints(values: Mapping[str, Any]) -> int:
    """Return how many endpoints the values of a form have."""
    return len({name.partition(".")[0] for name in values if name.startswith("endpoints[")})


def _typed(endpoint: Mapping[str, Any]) -> Values:
    key = endpoint.get("api_key") or {}
    kind = next((one for one in ("stored", "env") if key.get(one)), "none")
    headers = endpoint.get("headers") or {}
    return {
        "url": endpoint.get("url") or "",
        "key_kind": kind,
        "key_name": key.get(kind) or "",
        "weight": endpoint.get("weight"),
        "headers": "\n".join(f"{name}: {value}" for name, value in headers.items()),
    }


def _endpoints(values: Values, base: Mapping[str, Any]) -> list[Entry]:
    before = list(base.get("endpoints") or ())
    found = []
    for at in range(count_endpoints(values)):
        place = f"endpoints[{at}]"
        kept = dict(before[at]) if at < len(before) else {}
        kind, name = values.get(f"{place}.key_kind"), values.get(f"{place}.key_name")
        name = str(name or "").strip()
        _put(kept, "url", str(values.get(f"{place}.url") or "").strip() or None)
        _put(kept, "api_key", {kind: name} if kind in {"stored", "env"} else None)
        weight = _number(f"{place}.weight", values.get(f"{place}.weight"))
        _put(kept, "weight", None if weight == 1 else weight)
        _put(kept, "headers", _headers(f"{place}.headers", values.get(f"{place}.headers")) or None)
        if kept:
            found.append(kept)
    return found


def _headers(field: str, text: Any) -> dict[str, str]:
    headers = {}
    for line in str(text or "").splitlines():
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise Unreadable(field, "One header a line, such as 'x-team: search'.")
        headers[name.strip()] = value.strip()
    return headers


def _words(text: Any) -> list[str]:
    return [word.strip() for word in str(text or "").replace("\n", ",").split(",") if word.strip()]


def _number(field: str, value: Any) -> float | int | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Unreadable(field, "A number, please.") from None
    if not math.isfinite(number):
        raise Unreadable(field, "A number, please.")
    whole = number.is_integer() and (field in _WHOLE or isinstance(value, int))
    return int(number) if whole else number


def _object(field: str, text: Any) -> dict[str, Any]:
    if not str(text or "").strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Unreadable(field, f"This is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise Unreadable(field, 'A JSON object, such as {"temperature": 0.2}.')
    return found


def _read(entry: Mapping[str, Any], name: str) -> Any:
    found: Any = entry
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _put(entry: Entry, name: str, value: Any) -> None:
    outer, _, inner = name.rpartition(".")
    if outer:
        part = dict(entry.get(outer) or {})
        _put(part, inner, value)
        entry[outer] = part
    elif value is None:
        entry.pop(name, None)
    else:
        entry[name] = value
