"""What became of a request and why, in plain words. Pure."""

from __future__ import annotations

from coe_client.types import RequestDetail, RequestEvent, RoutingDecision, UsageRecord
from orchestrator.admin.parts.decision_words import sentences
from orchestrator.admin.parts.numbers import money, seconds

STATES = {
    "ok": ("answered", "good"),
    "failed": ("failed", "bad"),
    "blocked": ("blocked", "warn"),
    "cancelled": ("cancelled", "warn"),
    "interrupted": ("interrupted", "bad"),
}
_CACHE = {
    "hit": "The same request had been answered before: the answer came from the cache, and no expert was asked.",
    "shared": "The same request was being answered at that moment: both got the one answer.",
    "similar": "A request much like it had been answered before: that answer came from the cache.",
}
_ENDS = {
    "failed": "It failed",
    "blocked": "A guardrail blocked it",
    "cancelled": "The caller went away",
    "interrupted": "The service was interrupted",
}


def story(detail: RequestDetail) -> list[str]:
    """Return why a request went where it went, and how it ended, sentence by sentence."""
    return [*chosen(detail), *happened(detail), ended(detail)]


def chosen(detail: RequestDetail) -> list[str]:
    """Return how it was decided who answers."""
    decision = detail.decision
    if decision is None:
        if detail.model and detail.model == detail.expert:
            return [f"The caller named the expert {detail.expert}, so nothing had to be decided."]
        return [f"The caller asked for {detail.model or 'no model'}; the router decided nothing."]
    told = sentences(decision)
    if decision.strategy:
        why = f" ({decision.strategy_reason})" if decision.strategy_reason else ""
        told.append(f"The strategy {decision.strategy} answered, with several calls{why}.")
    return told


def happened(detail: RequestDetail) -> list[str]:
    """Return what was done: from the cache, at once, or after attempts that failed."""
    if detail.cache in _CACHE:
        saved = f" That saved {money(detail.saved_usd)}." if detail.saved_usd else ""
        return [_CACHE[detail.cache] + saved]
    if strategy_of(detail.decision):
        return []
    attempts = [one for one in detail.timeline if one.what == "attempt"]
    failed = [one for one in attempts if one.outcome in {"failed", "refused", "skipped"}]
    if not failed:
        return []
    told = [f"{_who(one)} {_went_wrong(one)}" for one in failed]
    answered = next((one for one in attempts if one.outcome == "ok"), None)
    if answered is None:
        return [f"{_joined(told)}, and nobody else could answer."]
    return [f"{_joined(told)}, so {_who(answered)} answered."]


def ended(detail: UsageRecord) -> str:
    """Return how a request ended, what it took and what it cost."""
    took = seconds(detail.duration_ms / 1000) if detail.duration_ms is not None else ""
    if detail.status == "ok":
        first = (
            f", its first token after {seconds(detail.first_token_ms / 1000)}"
            if detail.streamed and detail.first_token_ms is not None
            else ""
        )
        paid = "for nothing" if not detail.cost_usd else f"for {money(detail.cost_usd)}"
        return f"Answered in {took}{first}, {paid}." if took else f"Answered {paid}."
    how = _ENDS.get(detail.status or "", f"It ended as {detail.status}")
    code = f" ({detail.error_code})" if detail.error_code else ""
    paid = f" It cost {money(detail.cost_usd)} all the same." if detail.cost_usd else ""
    return f"{how}{f' after {took}' if took else ''}{code}.{paid}"


def strategy_of(decision: RoutingDecision | None) -> str | None:
    """Return the strategy that answered in place of one expert."""
    return decision.strategy if decision else None


def _who(event: RequestEvent) -> str:
    return str(event.detail.get("expert") or event.label)


def _went_wrong(event: RequestEvent) -> str:
    if event.outcome == "skipped":
        return "was passed over, since it was down"
    error = event.detail.get("error")
    code = f" ({error})" if error else ""
    return f"{'refused' if event.outcome == 'refused' else 'failed'}{code}"


def _joined(told: list[str]) -> str:
    if len(told) == 1:
        return told[0]
    return f"{', '.join(told[:-1])} and {told[-1]}"
