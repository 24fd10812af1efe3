"""What the steps of a run are charged with, by expert: what its usage record lists as its calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from experts.pricing import nanos_of
from experts.providers.protocol import Usage
from orchestrator.conductor.values import Step
from orchestrator.usage.record import call_fields


def calls_of_steps(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return one element for each version of an expert that was paid, with the sums of its calls.

    Args:
        steps: All of the run. Those that were taken over from an identical one cost nothing again.
    """
    paid: dict[tuple[str, int | None], list[Step]] = {}
    for step in steps:
        if step.expert and not step.reused_from and step.status != "running":
            paid.setdefault((step.expert, step.expert_version), []).append(step)
    return [
        call_fields(expert, version, _usage(mine), _nanos(mine), calls=len(mine))
        for (expert, version), mine in paid.items()
    ]


def _usage(steps: Iterable[Step]) -> Usage:
    total = Usage(0, 0)
    for step in steps:
        total = replace(
            total,
            prompt_tokens=total.prompt_tokens + step.prompt_tokens,
            completion_tokens=total.completion_tokens + step.completion_tokens,
            cached_tokens=total.cached_tokens + step.cached_tokens,
            cache_write_tokens=total.cache_write_tokens + step.cache_write_tokens,
            reasoning_tokens=total.reasoning_tokens + step.reasoning_tokens,
            estimated=total.estimated or step.tokens_estimated,
        )
    return total


def _nanos(steps: Iterable[Step]) -> int:
    return sum(nanos_of(step.usd) for step in steps)
