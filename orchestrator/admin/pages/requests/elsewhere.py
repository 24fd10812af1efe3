"""Whom other policies would have picked for a request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from coe_client import CoeError
from coe_client.types import RequestContent, RequestDetail, RoutingDecision
from orchestrator.admin.pages.requests.said import messages_of
from orchestrator.admin.parts.decision_words import candidate, cost, quality
from orchestrator.admin.parts.markup import Content, badge, link, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.panels import panel
from orchestrator.admin.session import View


@dataclass(frozen=True, slots=True)
class Pick:
    """What a policy makes of a request.

    Args:
        policy: Its name.
        expert: Whom it picks; ``None``: nobody can serve it.
        quality: Expected, in words.
        cost: Expected, in words.
        was_used: Whether the request was decided under it.
    """

    policy: str
    expert: str | None
    quality: str
    cost: str
    was_used: bool


async def elsewhere(view: View, detail: RequestDetail, said: RequestContent | None) -> None:
    """Draw the part: exact where what was said is stored, else by category.

    Args:
        view: Of whoever looks.
        detail: The request; the router has decided on it.
        said: What was said in it, if that is stored.
    """
    decision = detail.decision
    if decision is None:
        return
    router = await view.client.router.get()
    messages = messages_of(said) if said else []
    if messages:
        decided = await asyncio.gather(
            *(_asked(view, messages, policy) for policy in router.policies)
        )
        picks = [
            _pick(policy, made, detail.policy)
            for policy, made in zip(router.policies, decided, strict=True)
        ]
        note = "As the router decides on the same messages now."
    else:
        picks = mapped(decision, router.policies, detail.policy)
        note = (
            f"As the router maps the category {decision.category} now; "
            "what was said is not stored, so the prompt itself cannot be weighed again."
        )
    if not picks:
        return
    with panel("Under other policies", note, flush=True):
        put(
            table(
                "Under other policies",
                ("Policy", "Would go to", "Expected quality", "Expected cost"),
                [_row(one) for one in picks],
                numeric=(2, 3),
            )
        )
        if detail.policy in router.policies:
            what = f"What if the budget of {detail.policy} were halved?"
            address = f"/admin/router?policy={quote(detail.policy)}&budget=half"
            put(tag("p", link(what, address), class_="foot"))


def mapped(
    decision: RoutingDecision, policies: Mapping[str, Mapping[str, str]], used: str | None
) -> list[Pick]:
    """Return whom each policy maps a category to, with what the decision expected of them.

    Args:
        decision: What was decided.
        policies: By policy, which expert each category goes to.
        used: The policy that the request was decided under.
    """
    picks = []
    for policy, mapping in policies.items():
        expert = mapping.get(decision.category)
        known = candidate(decision, expert)
        picks.append(
            Pick(
                policy,
                expert,
                quality(known) if known else "–",
                cost(known) if known else "–",
                policy == used,
            )
        )
    return picks


async def _asked(
    view: View, messages: Sequence[Mapping[str, object]], policy: str
) -> RoutingDecision | None:
    try:
        return await view.client.route(messages, model=f"coe-{policy}")
    except CoeError:  # nobody can serve it now, or it is too long: the row says so
        return None


def _pick(policy: str, made: RoutingDecision | None, used: str | None) -> Pick:
    if made is None:
        return Pick(policy, None, "–", "–", policy == used)
    known = candidate(made, made.expert)
    return Pick(
        policy,
        made.expert,
        quality(known) if known else "–",
        cost(known) if known else "–",
        policy == used,
    )


def _row(one: Pick) -> tuple[Content, ...]:
    used = badge("used", "accent") if one.was_used else None
    return (
        tag("span", one.policy, used, class_="line"),
        link(one.expert, f"/admin/experts/{one.expert}")
        if one.expert
        else tag("span", "nobody can serve it now", class_="faint"),
        one.quality,
        one.cost,
    )
