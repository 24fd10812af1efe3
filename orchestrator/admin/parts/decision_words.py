"""Why the router decided as it did, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coe_client.types import CandidateView, RoutingDecision
from orchestrator.admin.parts.numbers import money, seconds, share

RULES = {
    "category": "It is mapped to the category under this policy.",
    "uncertain": "The router was unsure, so the expert for general requests was used.",
    "instance": "Weighing this very prompt, it is worth more than the one mapped to the category.",
    "memory": "What came of similar requests puts it first.",
    "quality_floor": "It is the cheapest expected to reach the quality that was asked for.",
    "max_cost": "The mapped one may cost more than the request allows; this is the best of the rest.",
    "max_latency": "The mapped one may take longer than the request allows; this is the best of the rest.",
    "exploration": "A small share of requests tries one of the next best, to learn of it.",
    "only_candidate": "No other expert can serve this request.",
    "specialist_input": "It takes only requests like this one, and this is one.",
    "no_mapped_candidate": "The mapped one cannot serve this request; this is the best of the rest.",
}
EXCLUDED = {
    "disabled": "switched off",
    "unhealthy": "down at that moment",
    "not_allowed": "not open to this key",
    "capability": "cannot do what the request needs",
    "input": "takes only other kinds of requests",
    "context_window": "too small for so long a request",
    "max_cost": "over the cost that was allowed",
    "max_latency": "over the time that was allowed",
}
_MUCH = 0.01
"""Expected quality by which another must be better to be worth a word."""
_NAMED = 3
_SURE = 0.5
"""A kind that is this likely is not what is in doubt."""


def unsure(decision: RoutingDecision) -> bool:
    """Tell whether the router took a request for a general one for want of a better kind."""
    first = max(decision.probabilities, key=decision.probabilities.__getitem__, default="")
    return decision.rule == "uncertain" or (
        decision.category == "general" and first not in {"", "general"}
    )


def recognised(decision: RoutingDecision) -> str:
    """Return what kind of request it was taken for, and how surely."""
    if unsure(decision):
        first = max(decision.probabilities, key=decision.probabilities.__getitem__, default="")
        sure = decision.probabilities.get(first, 0.0)
        if sure >= _SURE:  # of the kinds there are, but it is far from all of them
            return f"Unlike what the router knows, if nearest to {first}. So it was taken as {decision.category}."
        like = f": most like {first}, and only {share(sure, 0)} sure" if first else ""
        return f"Not clearly of one kind{like}. So it was taken as {decision.category}."
    if decision.confidence is None:
        return f"Recognised as {decision.category}."
    return f"Recognised as {decision.category} ({share(decision.confidence, 0)} sure)."


def sureness(decision: RoutingDecision) -> str:
    """Return how sure the category is, in a word or two."""
    if unsure(decision):
        return "not clearly of one kind"
    return "" if decision.confidence is None else f"{share(decision.confidence, 0)} sure"


def picked(decision: RoutingDecision) -> str:
    """Return whom the router picked, and by which rule."""
    policy = f"Under the policy {decision.policy}, " if decision.policy else ""
    chosen = candidate(decision, decision.expert)
    hopes = f" (expected quality {quality(chosen)}, {cost(chosen)})" if chosen else ""
    if decision.rule == "category":
        return (
            f"{policy}{decision.category} goes to {decision.expert}{hopes}."
            if policy
            else f"It goes to {decision.expert}{hopes}."
        )
    why = RULES.get(decision.rule or "", decision.reason)
    begin = f"{policy}the router picked" if policy else "The router picked"
    return f"{begin} {decision.expert}{hopes}. {why}".strip()


def compared(decision: RoutingDecision) -> list[str]:
    """Return how the pick stands beside the best and the cheapest that could have answered."""
    chosen = candidate(decision, decision.expert)
    if chosen is None or chosen.quality is None:
        return []
    others = [
        one
        for one in decision.candidates
        if one.excluded is None and one.id != chosen.id and one.quality is not None
    ]
    if not others:
        return []
    told: list[str] = []
    best = max(others, key=lambda one: one.quality or 0.0)
    if (best.quality or 0.0) > chosen.quality + _MUCH:
        told.append(
            f"The expert {best.id} is expected to be better ({quality(best)}), {_beside(best, chosen)}."
        )
    else:
        told.append("No other is expected to be clearly better.")
    cheaper = [one for one in others if one.cost is not None and one.cost < (chosen.cost or 0.0)]
    if cheaper:
        least = min(cheaper, key=lambda one: one.cost or 0.0)
        if least.id != best.id or (len(told) == 1 and told[0].startswith("No other")):
            told.append(
                f"The expert {least.id} would be cheaper ({cost(least)}), with an expected quality of "
                f"{quality(least)}."
            )
    return told


def left_out(decision: RoutingDecision) -> str:
    """Return which experts could not be chosen, and why; empty: all could."""
    out = [one for one in decision.candidates if one.excluded]
    if not out:
        return ""
    told = [f"{one.id} ({EXCLUDED.get(one.excluded or '', one.excluded)})" for one in out[:_NAMED]]
    more = f" and {len(out) - _NAMED} more" if len(out) > _NAMED else ""
    return f"Left out: {', '.join(told)}{more}."


def sentences(decision: RoutingDecision) -> list[str]:
    """Return the whole story of a decision."""
    told = [recognised(decision), picked(decision), *compared(decision), left_out(decision)]
    return [one for one in told if one]


def candidate(decision: RoutingDecision, expert: str | None) -> CandidateView | None:
    """Return how an expert looked when the decision was made."""
    return next((one for one in decision.candidates if one.id == expert), None)


def quality(one: CandidateView) -> str:
    """Return an expected quality: the share of such tasks that are done well."""
    return "unknown" if one.quality is None else share(one.quality, 0)


def cost(one: CandidateView) -> str:
    """Return an expected cost."""
    if one.cost is None:
        return "cost unknown"
    return "free" if one.cost == 0 else money(one.cost)


def latency(one: CandidateView) -> str:
    """Return how long an answer usually takes; empty where that is not known."""
    return seconds(one.latency) if one.latency is not None else ""


def kinds(decision: RoutingDecision, most: int = 5) -> Sequence[tuple[str, float]]:
    """Return the likeliest categories with their probabilities."""
    return sorted(decision.probabilities.items(), key=lambda pair: -pair[1])[:most]


def _beside(other: CandidateView, chosen: CandidateView) -> str:
    if other.cost is None or chosen.cost is None:
        return f"at {cost(other)}"
    if chosen.cost > 0 and other.cost >= 1.5 * chosen.cost:
        times = (
            f"{other.cost / chosen.cost:.2g}"
            if other.cost < 10 * chosen.cost
            else f"{other.cost / chosen.cost:,.0f}"
        )
        return f"but costs {times} times as much ({cost(other)})"
    if other.cost > chosen.cost:
        return f"but costs more ({cost(other)})"
    return f"at {cost(other)}"
