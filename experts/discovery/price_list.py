"""Prices of vendors' models as litellm's list of them has them: US dollars for a token.

The list comes with litellm, https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json.
Its names say what a price is for: ``input_cost_per_token_above_200k_tokens_priority`` is that of a
prompt token where the prompt is longer than 200,000 tokens, at the tier of service ``priority``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from experts.catalogue.expert import Price

_FILE = "model_prices_and_context_window_backup.json"
_PER = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached_input": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "reasoning": "output_cost_per_reasoning_token",
}
_SERVICES = {"priority": "priority", "flex": "flex", "batch": "batches"}
"""Tiers of service as vendors' answers name them, and as the list does."""
_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
_DIGITS = 9
"""Decimals of a price per million tokens; more are what binary fractions add."""


def listed_price(name: str) -> Price | None:
    """Return the price of a model, ``None`` where the list is not here or lacks it.

    Args:
        name: The model's name in the list.
    """
    entry = _listed().get(name)
    return None if entry is None else price_of(entry)


def listed_entry(name: str) -> Mapping[str, Any] | None:
    """Return all that the list says of a model, ``None`` where it is not here or lacks it."""
    return _listed().get(name)


def price_of(entry: Mapping[str, Any]) -> Price | None:
    """Return the price that an entry of the list states, if it states one for a token.

    What it prices by the second, the picture or the hour is left out.
    """
    if _rates(entry, "") is None:
        return None
    services = [
        {"name": name, **rates}
        for name, listed in _SERVICES.items()
        if (rates := _tiered(entry, f"_{listed}")) is not None
    ]
    return Price.model_validate({**(_tiered(entry, "") or {}), "service_tiers": services})


def _tiered(entry: Mapping[str, Any], suffix: str) -> dict[str, Any] | None:
    """Return the prices at one tier of service, with those of longer prompts."""
    rates = _rates(entry, suffix)
    if rates is None:
        return None
    tiers = [
        {"above": above * 1000, **longer}
        for above in sorted(_lengths(entry))
        if (longer := _rates(entry, f"_above_{above}k_tokens{suffix}")) is not None
    ]
    return {**rates, "tiers": tiers}


def _lengths(entry: Mapping[str, Any]) -> Iterator[int]:
    """Yield the thousands of tokens from which on a prompt is dearer."""
    for name in entry:
        if found := _ABOVE.fullmatch(name):
            yield int(found[1])


def _rates(entry: Mapping[str, Any], suffix: str) -> dict[str, float] | None:
    """Return prices per million tokens; ``None`` unless both directions have one."""
    found = {
        field: round(cost * 1e6, _DIGITS)
        for field, name in _PER.items()
        if isinstance(cost := entry.get(name + suffix), int | float)
    }
    return found if {"input", "output"} <= found.keys() else None


@cache
def _listed() -> Mapping[str, Mapping[str, Any]]:
    package = find_spec("litellm")
    if package is None or package.origin is None:
        return {}
    file = Path(package.origin).parent / _FILE
    if not file.is_file():
        return {}
    return msgspec.json.decode(file.read_bytes(), type=dict[str, dict[str, Any]])
