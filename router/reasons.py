"""A decision in a sentence or two for a person."""

from __future__ import annotations

from collections.abc import Mapping

from router.choosing import Choice, Options, views
from router.decision import NoEligibleExpert, RouteRequest, Rule
from router.mapping import Policy
from router.pool import CODES, EXCLUSIONS
from router.taxonomy import GENERAL

_SENTENCES: Mapping[Rule, str] = {
    "category": "{kind}; {policy} picks {expert}.",
    "uncertain": "Unsure: most like {top}, but only {probability:.2f}. "
    f"Treated as {GENERAL}; {{policy}} picks {{expert}}.",
    "instance": "{kind}; weighing this very prompt, {policy} picks {expert} over {usual}.",
    "memory": "{kind}; what became of similar requests makes {expert} the choice of {policy}.",
    "max_cost": "{kind}; its usual expert {usual} is over the limit of {max_cost}, "
    "so {policy} picks the best of the rest, {expert}.",
    "max_latency": "{kind}; its usual expert {usual} takes longer than {max_latency:g} s, "
    "so {policy} picks the best of the rest, {expert}.",
    "exploration": "{kind}; one of the few requests that try others: {expert} answers, "
    "where {usual} usually does.",
    "only_candidate": "{kind}; only {name} can serve it {numbers}.",
    "specialist_input": "{kind} and {features}; {name} is made for that {numbers}.",
    "no_mapped_candidate": "{kind}; its usual expert cannot serve this request, "
    "so {policy} picks the best of the rest, {expert}.",
    "quality_floor": "{kind}; the cheapest expected to reach a quality of {floor:.2f} is {expert}.",
}
_STRANGE = (
    "Unsure: nearest to {top}, but unlike what the categories know. "
    f"Treated as {GENERAL}; {{policy}} picks {{expert}}."
)
_LIKELY = 0.5
"""A category that is this likely is not what is in doubt."""
_DOWN = " It seems to be down, like all that could serve this request."
_SHORT_OF_FLOOR = "{kind}; none is expected to reach a quality of {floor:.2f}, nearest is {expert}."


def reason(
    request: RouteRequest,
    options: Options,
    choice: Choice,
    policy: Policy,
    *,
    top: str,
    probability: float,
    category: int,
) -> str:
    """Say why an expert was chosen.

    Args:
        request: What was routed.
        options: Between whom.
        choice: Who and by which rule.
        policy: The trade-off.
        top: Id of the most probable category.
        probability: Its probability.
        category: Index of the category whose mapping was used.
    """
    pool, rule = options.pool, choice.rule
    sentence = _SENTENCES[rule]
    if rule == "quality_floor" and not options.reaches(choice.expert):
        sentence = _SHORT_OF_FLOOR
    if rule == "uncertain" and probability >= _LIKELY:
        sentence = _STRANGE
    if options.screen.down:
        sentence += _DOWN
    kind = f"Most like {top} ({probability:.2f})"
    name, numbers = _told(options, choice.expert)
    expert = f"{name} {numbers}"
    if rule in {"category", "uncertain"}:
        return sentence.format(
            kind=kind,
            top=top,
            probability=probability,
            policy=policy.name,
            expert=expert,
        )
    mapped = int(pool.mappings[policy.name][category])
    return sentence.format(
        kind=kind,
        policy=policy.name,
        expert=expert,
        name=name,
        numbers=numbers,
        usual=" ".join(_told(options, mapped)),
        features=", ".join(sorted(request.features)),
        floor=request.quality_floor or 0.0,
        max_cost=money(request.max_cost or 0.0),
        max_latency=request.max_latency or 0.0,
    )


def _told(options: Options, expert: int) -> tuple[str, str]:
    """Return an expert's id, and in brackets what is expected of it."""
    quality, usd = float(options.quality[expert]), float(options.usd[expert])
    return options.pool.ids[expert], f"(expected quality {quality:.2f}, {money(usd)})"


def money(usd: float) -> str:
    """Return dollars as people write them."""
    return "free" if usd <= 0 else f"${usd:.2g}" if usd < 0.01 else f"${usd:.2f}"


def no_eligible(request: RouteRequest, options: Options) -> NoEligibleExpert:
    """Say of every candidate why it cannot serve a request.

    Args:
        request: What was to be routed.
        options: All candidates, with their average quality.
    """
    pool, codes = options.pool, options.screen.codes
    if not len(pool.ids):
        return NoEligibleExpert("There are no experts to choose from.", ())
    excluded = [EXCLUSIONS[code - 1] for code in codes.tolist()]
    needs = ", ".join(sorted(request.needs))
    causes = {
        "disabled": "not available",
        "unhealthy": "down at the moment",
        "not_allowed": "not allowed for this request",
        "capability": f"cannot do what is needed ({needs})",
        "input": "takes only other input",
        "context_window": f"context window too small for about {request.prompt_tokens} tokens",
        "max_cost": f"expected to cost more than {money(request.max_cost or 0.0)}",
        "max_latency": f"expected to take longer than {request.max_latency or 0.0:g} s",
    }
    said = []
    for exclusion, code in CODES.items():
        names = pool.ids[codes == code].tolist()
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            said.append(f"{causes[exclusion]}: {', '.join(names[:5])}{more}")
    shown = views(options, pool.tie_break.argsort(), list(excluded))
    return NoEligibleExpert(f"No expert can serve this request. {'; '.join(said)}.", shown)
