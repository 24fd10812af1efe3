"""Catalogue entries from plain data: every problem found, or experts; nothing in between."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from experts.catalogue.errors import CatalogueInvalid, Problem
from experts.catalogue.expert import (
    SLUG,
    Endpoint,
    Expert,
    Price,
    PriceTier,
    SecretRef,
    ServicePrice,
)
from experts.catalogue.json_values import unstorable

MAX_ENTRIES = 5_000
MAX_ENTRY_BYTES = 512 * 1024
MAX_PROBLEMS = 1_000
_MODELS: Mapping[str, type[BaseModel]] = {
    "endpoints": Endpoint,
    "api_key": SecretRef,
    "price": Price,
    "tiers": PriceTier,
    "service_tiers": ServicePrice,
}


def parse_document(document: Any) -> tuple[Expert, ...]:
    """Return the experts of a document, the body of an ``experts.yaml``.

    Args:
        document: Plain data, ``{"experts": [...]}``.

    Raises:
        CatalogueInvalid: With the problems of all entries, up to ``MAX_PROBLEMS``.
    """
    if not isinstance(document, dict) or "experts" not in document:
        raise CatalogueInvalid([_whole("write a mapping with the key 'experts'")])
    others = sorted(repr(key)[:80] for key in document if key != "experts")
    if others:
        raise CatalogueInvalid(
            [_whole(f"unknown key {others[0]} beside 'experts': only 'experts' belongs here")]
        )
    return parse_entries(document["experts"])


def parse_entries(entries: Any) -> tuple[Expert, ...]:
    """Return the experts of a list of entries, in its order.

    Args:
        entries: Plain data as JSON or YAML give it.

    Raises:
        CatalogueInvalid: With the problems of all entries, up to ``MAX_PROBLEMS``.
    """
    if not isinstance(entries, list):
        raise CatalogueInvalid([_whole("must be a list of entries")])
    if not entries:
        raise CatalogueInvalid([_whole("the list is empty: a catalogue has at least one expert")])
    if len(entries) > MAX_ENTRIES:
        raise CatalogueInvalid([_whole(f"{len(entries)} entries; at most {MAX_ENTRIES} fit")])
    experts: list[Expert] = []
    problems: list[Problem] = [*_duplicates(entries), *_shared_aliases(entries)]
    for index, entry in enumerate(entries):
        found = _parse(entry, index)
        if isinstance(found, Expert):
            experts.append(found)
        else:
            problems.extend(found)
        if len(problems) >= MAX_PROBLEMS:
            break
    if problems:
        raise CatalogueInvalid(sorted(problems, key=lambda p: p.index or 0)[:MAX_PROBLEMS])
    return tuple(experts)


def parse_entry(entry: Any) -> Expert:
    """Return the expert of one entry.

    Raises:
        CatalogueInvalid: With the problems of this entry, at index 0.
    """
    return parse_entries([entry])[0]


def check(experts: Sequence[Expert]) -> None:
    """Make sure that experts built in Python can be stored together.

    Raises:
        CatalogueInvalid: If two have the same id or one holds what Postgres would not keep.
    """
    entries = [
        # Parameters as they are: pydantic would fail at, or convert, what is not JSON.
        {**e.model_dump(mode="json", exclude={"parameters"}), "parameters": e.parameters}
        for e in experts
    ]
    problems = [*_duplicates(entries), *_shared_aliases(entries)]
    for index, entry in enumerate(entries):
        name = _id_of(entry)
        problems += [Problem(index, name, _path(path), why) for path, why in unstorable(entry)]
    if problems:
        raise CatalogueInvalid(problems[:MAX_PROBLEMS])


def _parse(entry: Any, index: int) -> Expert | Sequence[Problem]:
    name = _id_of(entry)
    if not isinstance(entry, dict):
        return [Problem(index, None, "", "must be a mapping of fields")]
    problems = [Problem(index, name, _path(path), reason) for path, reason in unstorable(entry)]
    if problems:
        return problems[:MAX_PROBLEMS]
    text = json.dumps(entry, ensure_ascii=False).encode()
    if len(text) > MAX_ENTRY_BYTES:
        return [Problem(index, name, "", f"larger than {MAX_ENTRY_BYTES} bytes of JSON")]
    try:
        # From JSON and not from Python values: there a list is a tuple or a set, and nothing else
        # is converted; the text "8192" or the value true is not a number.
        return Expert.model_validate_json(text, strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        return [Problem(index, name, *_explain(detail)) for detail in details]


def _duplicates(entries: list[Any]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, entry in enumerate(entries):
        name = _id_of(entry)
        if name is None:
            continue
        if name in first:
            yield Problem(index, name, "id", f"also the id of experts[{first[name]}]")
        first.setdefault(name, index)


def _shared_aliases(entries: list[Any]) -> Iterator[Problem]:
    """Yield a problem for each alias that another entry has too: it would name one of the two."""
    first: dict[str, int] = {}
    for index, entry in enumerate(entries):
        aliases = entry.get("aliases") if isinstance(entry, dict) else None
        for alias in aliases if isinstance(aliases, list) else ():
            if not isinstance(alias, str):
                continue
            if first.setdefault(alias, index) != index:
                reason = f"{alias[:80]!r} is also an alias of experts[{first[alias]}]"
                yield Problem(index, _id_of(entry), "aliases", reason)


def _id_of(entry: Any) -> str | None:
    name = entry.get("id") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and SLUG.fullmatch(name) else None


def _explain(detail: ErrorDetails) -> tuple[str, str]:
    """Return field and reason of one of pydantic's findings."""
    location, kind = detail["loc"], detail["type"]
    if kind == "inconsistent":
        return detail["ctx"]["path"], detail["ctx"]["reason"]
    if kind == "extra_forbidden":
        return _path(location), _unknown_field(location)
    if kind == "missing":
        return _path(location), "is missing"
    if location and location[-1] == "api_key":
        return _path(location), "give {env: NAME} or {stored: NAME}, never the secret itself"
    if kind == "value_error":
        return _path(location), str(detail["ctx"]["error"])
    reason = detail["msg"]
    return _path(location), reason[:1].lower() + reason[1:]


def _unknown_field(location: tuple[str | int, ...]) -> str:
    parents = [part for part in location[:-1] if isinstance(part, str)]
    known = (_MODELS[parents[-1]] if parents else Expert).model_fields
    nearest = difflib.get_close_matches(str(location[-1])[:80], known, n=1, cutoff=0.6)
    return f"unknown field; did you mean {nearest[0]!r}?" if nearest else "unknown field"


def _path(location: Sequence[str | int]) -> str:
    """Return ``endpoints[0].url`` for ``("endpoints", 0, "url")``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:80]}" for part in location]
    return "".join(parts).removeprefix(".")


def _whole(reason: str) -> Problem:
    return Problem(None, None, "", reason)
