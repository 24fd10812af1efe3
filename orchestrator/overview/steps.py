"""The steps of a request that a strategy answered, as they are shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field


class RequestStep(BaseModel):
    """One step of a strategy: who did what, when, at what cost. What was said is no part of it."""

    number: int = Field(description="In the order in which steps began, from 1.")
    parent: int | None = Field(
        description="The step that it is a part of; null on the first level."
    )
    kind: str = Field(description="What it is for, such as `expert`, `verify` or `vote`.")
    title: str = Field(
        description="For people. Empty where a model made it up, and answers are not kept."
    )
    status: str = Field(description="`ok`, `failed`, or `cancelled`: it was given up.")
    error: str | None = Field(description="Code of what made it fail, where that is known.")
    expert: str | None = Field(description="Null for code and votes.")
    expert_version: int | None
    at_ms: float = Field(description="When it began, since the request came in.")
    duration_ms: float
    prompt_tokens: int
    completion_tokens: int
    tokens_estimated: bool
    cost_usd: float
    reused_from: int | None = Field(
        description="The identical step whose result it took over, for nothing."
    )


def left_out(row: Mapping[str, Any]) -> int:
    """Return how many steps are not on record, since there were too many."""
    return int((row.get("steps") or {}).get("left_out", 0))


def request_step(kept: Mapping[str, Any], begins_ms: float) -> RequestStep:
    """Return a step as it is shown.

    Args:
        kept: As the usage record has it.
        begins_ms: When the request was admitted, since it came in.
    """
    return RequestStep(
        number=kept["number"],
        parent=kept.get("parent"),
        kind=kept["kind"],
        title=kept.get("title", ""),
        status=kept["status"],
        error=kept.get("error"),
        expert=kept.get("expert"),
        expert_version=kept.get("version"),
        at_ms=round(begins_ms + kept["began_ms"], 3),
        duration_ms=kept["duration_ms"],
        prompt_tokens=kept.get("prompt_tokens", 0),
        completion_tokens=kept.get("completion_tokens", 0),
        tokens_estimated=kept.get("tokens_estimated", False),
        cost_usd=kept.get("cost_nanos", 0) / 1e9,
        reused_from=kept.get("reused_from"),
    )
