"""What the steps of a run are charged with, by expert: what its usage record lists as its calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from experts.pricing import nanos_of
from experts.providers.protocol import Usage
from orchestrator.conductor.values import Step
from orchestrator.usage.charges import Charge, total
from orchestrator.usage.record import call_fields


def calls_of_steps(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return one element for each version of an expert that was paid, with the sums of its calls.

    Args:
        steps: All of the run, those that failed or were given up too. Those that were taken over from
            an identical one cost nothing again.
    """
    asked: dict[tuple[str, int | None], list[Charge]] = {}
    for step in steps:
        if step.expert and not step.reused_from:
            asked.setdefault((step.expert, step.expert_version), []).append(_charge(step))
    found = []
    for (expert, version), mine in asked.items():
        whole = total(mine)
        found.append(call_fields(expert, version, whole.usage, whole.nanos, calls=len(mine)))
    return found


def _charge(step: Step) -> Charge:
    usage = Usage(
        step.prompt_tokens,
        step.completion_tokens,
        cached_tokens=step.cached_tokens,
        cache_write_tokens=step.cache_write_tokens,
        reasoning_tokens=step.reasoning_tokens,
        estimated=step.tokens_estimated,
    )
    return Charge(usage, nanos_of(step.usd))
