"""What the steps of a run are charged with, by expert: what its usage record lists as its calls."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from experts.pricing import nanos_of
from experts.providers.protocol import Usage
from orchestrator.conductor.recorded import lasted
from orchestrator.conductor.values import Step
from orchestrator.usage.charges import Charge, total
from orchestrator.usage.record import call_fields


def calls_of_steps(
    steps: Iterable[Step], *, began: float = 0.0, now: float = 0.0
) -> list[dict[str, Any]]:
    """Return one element for each version of an expert that was paid, with the sums of its calls.

    It also says when the first of these calls began, and how long it took until the last had ended.

    Args:
        steps: All of the run, those that failed or were given up too. Those that were taken over from
            an identical one cost nothing again.
        began: When the request began, in seconds since 1970.
        now: The same for its end; what still runs is given up then.
    """
    asked: dict[tuple[str, int | None], list[Step]] = {}
    for step in steps:
        if step.expert and not step.reused_from:
            asked.setdefault((step.expert, step.expert_version), []).append(step)
    found = []
    for (expert, version), mine in asked.items():
        whole = total(map(_charge, mine))
        times = _times(mine, began, now)
        found.append(
            call_fields(expert, version, whole.usage, whole.nanos, calls=len(mine), **times)
        )
    return found


def _times(steps: Sequence[Step], began: float, now: float) -> dict[str, float]:
    first = min(step.started_at for step in steps)
    last = max(step.started_at + lasted(step, now) for step in steps)
    return {
        "began_ms": round(max(first - began, 0.0) * 1000, 3),
        "duration_ms": round(max(last - first, 0.0) * 1000, 3),
    }


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
