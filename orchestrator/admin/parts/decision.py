"""A decision of the router as people look at it: kinds, doubt, candidates, and the rule."""

from __future__ import annotations

from coe_client.types import CandidateView, RoutingDecision
from orchestrator.admin.parts import decision_words as words
from orchestrator.admin.parts.markup import Markup, badge, link, meter, table, tag
from orchestrator.admin.parts.numbers import share


def kinds(decision: RoutingDecision, most: int = 5) -> Markup:
    """Return the likeliest categories as bars, with how sure the router is of each."""
    shown = words.kinds(decision, most)
    rows = [
        tag(
            "li",
            tag(
                "span",
                name,
                class_="strong" if name == decision.category else "soft",
            ),
            meter(value, "" if name == decision.category else "other", name=name),
            tag("span", share(value), class_="num small"),
        )
        for name, value in shown
    ]
    rest = 1.0 - sum(value for _, value in shown)
    others = len(decision.probabilities) - len(shown)
    below = (
        tag("p", f"{others} other kinds share {share(max(rest, 0.0))}.", class_="small faint")
        if others > 0
        else Markup("")
    )
    return tag("ul", rows, class_="kind-bars", aria_label="Kinds of request") + below


def doubt(decision: RoutingDecision) -> Markup:
    """Return how unsure the router was, and what came of it."""
    value = decision.uncertainty
    if value is None:
        return Markup("")
    over = words.unsure(decision)
    verdict = (
        "Over the router's limit, so it counts as general."
        if over
        else "Below the router's limit, so the category counts."
    )
    return tag(
        "div",
        tag("span", "Doubt", class_="strong"),
        meter(value, "warn" if over else "other", name="Doubt"),
        tag("span", f"{value:.2f}", class_="num small"),
        tag("p", f"0 is sure, 1 knows nothing. {verdict}", class_="small faint"),
        class_="kind-bars doubt",
    )


def candidates(decision: RoutingDecision, answered: str | None = None) -> Markup:
    """Return who could have answered, best first, with what was expected of each.

    Args:
        decision: It.
        answered: The expert that did answer, where that is another than the one picked.
    """
    return table(
        "Who could have answered",
        ("Expert", "Expected quality", "Expected cost", "Usual time", ""),
        [_candidate(decision, one, answered) for one in decision.candidates],
        numeric=(1, 2, 3),
    )


def _candidate(
    decision: RoutingDecision, one: CandidateView, answered: str | None
) -> tuple[Markup | str, ...]:
    marks = []
    if one.id == decision.expert:
        marks.append(badge("picked", "accent"))
    if answered and one.id == answered:
        marks.append(badge("answered", "good"))
    if one.excluded:
        marks.append(badge(words.EXCLUDED.get(one.excluded, one.excluded), "warn"))
    bar = (
        tag(
            "span",
            meter(one.quality, "" if one.id == decision.expert else "other", name="Quality"),
            tag("span", words.quality(one), class_="num"),
            class_="metered",
        )
        if one.quality is not None
        else "–"
    )
    return (
        link(one.id, f"/admin/experts/{one.id}", "row-link"),
        bar,
        words.cost(one),
        words.latency(one) or tag("span", "not known", class_="faint"),
        tag("span", marks, class_="line"),
    )
