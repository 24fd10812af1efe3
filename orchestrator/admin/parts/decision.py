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
        tag(
            "p",
            ("One other kind has" if others == 1 else f"{others} other kinds share")
            + f" {share(max(rest, 0.0))}.",
            class_="small faint",
        )
        if others > 0
        else Markup("")
    )
    bars = tag("ul", rows, class_="kind-bars", aria_label="Kinds of request")
    return tag("div", bars, below, class_="kinds-of")


def doubt(decision: RoutingDecision) -> Markup:
    """Return how unsure the router was, and what came of it."""
    value = decision.uncertainty
    if value is None:
        return Markup("")
    over, limit = words.unsure(decision), decision.uncertainty_limit
    known = f" of {limit:.2f}" if limit is not None else ""
    verdict = (
        f"Over the router's limit{known}, so it counts as general."
        if over
        else f"Not over the router's limit{known}, so the category counts."
    )
    return tag(
        "div",
        tag("span", "Doubt", class_="strong"),
        meter(value, "warn" if over else "other", name="Doubt", limit=limit),
        tag("span", f"{value:.2f}", class_="num small"),
        tag("p", f"0 is sure, 1 knows nothing. {verdict}", class_="small faint"),
        class_="kind-bars doubt",
    )


def candidates(
    decision: RoutingDecision,
    answered: str | None = None,
    *,
    compact: bool = False,
    linked: bool = True,
) -> Markup:
    """Return who could have answered, best first, with what was expected of each.

    Args:
        decision: It.
        answered: The expert that did answer, where one did.
        compact: Whether there is little room: a list, with what was decided by alone.
        linked: Whether the experts' own pages are open to whoever looks.
    """
    if compact:
        rows = [
            tag(
                "li",
                tag(
                    "span",
                    _name(one, linked=linked),
                    _marks(decision, one, answered),
                    class_="line",
                ),
                tag(
                    "span",
                    f"quality {words.quality(one)} · {words.cost(one)}",
                    class_="num small soft",
                ),
            )
            for one in decision.candidates
        ]
        return tag("ul", rows, class_="could", aria_label="Who could have answered")
    return table(
        "Who could have answered",
        ("Expert", "Expected quality", "Expected cost", "Usual time", ""),
        [_candidate(decision, one, answered, linked=linked) for one in decision.candidates],
        numeric=(1, 2, 3),
    )


def _name(one: CandidateView, *, linked: bool) -> Markup:
    if not linked:
        return tag("span", one.id, class_="strong")
    return link(one.id, f"/admin/experts/{one.id}", "row-link")


def _marks(decision: RoutingDecision, one: CandidateView, answered: str | None) -> Markup:
    marks = []
    if one.id == decision.expert:
        marks.append(badge("picked", "accent"))
    if answered and one.id == answered:
        marks.append(badge("answered", "good"))
    if one.excluded:
        marks.append(badge(words.EXCLUDED.get(one.excluded, one.excluded), "warn"))
    return tag("span", marks, class_="line") if marks else Markup("")


def _candidate(
    decision: RoutingDecision, one: CandidateView, answered: str | None, *, linked: bool
) -> tuple[Markup | str, ...]:
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
        _name(one, linked=linked),
        bar,
        words.cost(one),
        words.latency(one) or tag("span", "not known", class_="faint"),
        _marks(decision, one, answered),
    )
