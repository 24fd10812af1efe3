"""What became of a request at the cache, as its usage record, its headers and its explanation say it."""

from __future__ import annotations

from typing import Any

from experts.cache.caller import CachedCall
from experts.pricing import cost_in_nanos
from experts.providers.protocol import Usage

_BYPASS = "bypass"


def recorded(cached: CachedCall | None) -> dict[str, Any]:
    """Return what a usage record says of it: an answer from the cache costs nothing.

    What is saved is what the expert counted for the answer that is kept, at today's price.
    """
    if cached is None or cached.state == _BYPASS:
        return {}
    entry = cached.entry
    if entry is None:
        return {"cache": cached.state}
    expert = next(one for one in cached.experts if one.id == entry.expert)
    usage = Usage(entry.prompt_tokens, entry.completion_tokens)
    return {
        "cache": cached.state,
        "expert": entry.expert,
        "expert_version": entry.version,
        "prompt_tokens": 0,
        "tokens_estimated": False,
        "cost_nanos": 0,
        "saved_tokens": entry.prompt_tokens + entry.completion_tokens,
        "saved_nanos": cost_in_nanos(usage, expert.price),
    }


def headers(cached: CachedCall | None) -> dict[str, str]:
    """Return the headers that say whether an answer came from the cache, and how old it is."""
    if cached is None or cached.state == _BYPASS:
        return {"x-coe-cache": _BYPASS}
    told: dict[str, str] = {"x-coe-cache": cached.state}
    if cached.entry is not None:
        told["age"] = str(cached.age)
    key = cached.kept_under
    return told if key is None else {**told, "x-coe-cache-key": key.hex()}


def explained(cached: CachedCall | None) -> dict[str, Any] | None:
    """Return why an answer came from the cache, or why not; ``None``: it had no part in it.

    Nothing of what another request said is told: it may be somebody else's, of the same tenant.
    """
    if cached is None or cached.state == _BYPASS:
        return None
    key = cached.kept_under
    told: dict[str, Any] = {"state": cached.state, "key": None if key is None else key.hex()}
    if cached.entry is not None:
        told["age"] = cached.age
    if cached.found is not None:
        verdict = cached.found.verdict
        told["similar"] = {
            "key": None if verdict.name is None else verdict.name.hex(),
            "similarity": round(verdict.similarity, 4),
            "asked_with_probability": round(verdict.ask, 4),
            "given": verdict.given,
            "comparisons": verdict.comparisons,
            "kept_apart_by": list(verdict.refused),
        }
    return told
