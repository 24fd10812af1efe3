"""One request: why it went where it went, what happened when, and what it cost."""

from __future__ import annotations

import json

from nicegui import ui

from coe_client import NotFoundError
from coe_client.types import RequestContent, RequestDetail
from orchestrator.admin.pages.requests.doing import actions
from orchestrator.admin.pages.requests.elsewhere import elsewhere
from orchestrator.admin.pages.requests.money import parts
from orchestrator.admin.pages.requests.said import conversation
from orchestrator.admin.pages.requests.steps import tree
from orchestrator.admin.pages.requests.story import STATES, story
from orchestrator.admin.pages.requests.waterfall import waterfall
from orchestrator.admin.parts import decision as decisions
from orchestrator.admin.parts.asking import button, reload
from orchestrator.admin.parts.decision_words import sureness
from orchestrator.admin.parts.markup import Content, badge, facts, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, money, seconds
from orchestrator.admin.parts.panels import grid, panel, stack, tile, tiles
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.parts.titles import set_title
from orchestrator.admin.session import View


async def draw(view: View) -> None:
    """Draw the page."""
    request_id = view.path["request_id"]
    set_title(f"Request …{request_id[-10:]}")
    try:
        detail = await view.client.usage.get(request_id)
    except NotFoundError:
        with panel():
            put(
                empty(
                    "There is no such request",
                    [
                        "Records of new requests take a second to arrive, and old ones are deleted in time. ",
                        link("All requests", "/admin/requests"),
                    ],
                    "search_off",
                )
            )
            with ui.element("div").classes("line centred"):
                button("Look again", reload, icon="refresh")
        return
    said = await content_of(view, request_id)
    actions(view, detail, said)
    name, tone = STATES.get(detail.status or "", (detail.status or "", ""))
    first, *rest = story(detail)
    body = tag("p", badge(name, tone, dot=True), " ", first, class_="lead") + tag(
        "p", " ".join(rest), class_="soft"
    )
    with panel():
        put(tag("div", body, class_="story"))
    _figures(detail)
    with grid():
        with stack(8):
            with panel("What happened when", "From when the request came in, to its end."):
                put(waterfall(detail.timeline))
            if detail.steps:
                with panel("Steps", "What the strategy did, and what each part cost."):
                    put(tree(detail.steps, detail.steps_left_out))
            if detail.decision is not None:
                with panel(
                    "Who could have answered",
                    "Best first under the policy. Quality: the share of such tasks done well. "
                    "Cost: that of a usual answer.",
                    flush=True,
                ):
                    put(decisions.candidates(detail.decision, detail.expert))
                await elsewhere(view, detail, said)
            with panel("What was said"):
                put(conversation(detail, said))
        with stack(4):
            if detail.decision is not None:
                with panel("What kind of request"):
                    put(decisions.kinds(detail.decision) + decisions.doubt(detail.decision))
            with panel("Tokens and money"):
                put(parts(detail))
            with panel("Record"):
                put(facts(pair for pair in _facts(view, detail) if pair[1]))
                _raw(detail)


async def content_of(view: View, request_id: str) -> RequestContent | None:
    """Return what was said in a request, where that is stored."""
    try:
        return await view.client.usage.content(request_id)
    except NotFoundError:
        return None


def _figures(detail: RequestDetail) -> None:
    first = detail.first_token_ms
    saved = f"{money(detail.saved_usd)} saved by the cache" if detail.saved_usd else None
    usual = expected_cost(detail)
    tiles(
        tile(
            "Took",
            seconds(detail.duration_ms / 1000) if detail.duration_ms is not None else "–",
            f"first token after {seconds(first / 1000)}" if first is not None else None,
        ),
        tile("Cost", money(detail.cost_usd), saved or usual),
        tile(
            "Tokens",
            count((detail.prompt_tokens or 0) + (detail.completion_tokens or 0)),
            f"{count(detail.prompt_tokens)} in, {count(detail.completion_tokens)} out",
        ),
        tile(
            "Kind",
            detail.category or "–",
            sureness(detail.decision)
            if detail.decision
            else "the expert was named"
            if detail.expert
            else "nothing was decided",
        ),
        tile("Went to", _short(detail), f"asked for {detail.model or 'nothing'}"),
    )


def expected_cost(detail: RequestDetail) -> str | None:
    """Return what the answer was expected to cost, beside what it did."""
    if detail.decision is None:
        return None
    for one in detail.decision.candidates:
        if one.id == detail.expert and one.cost is not None:
            return f"{money(one.cost)} expected"
    return None


def _short(detail: RequestDetail) -> str:
    if detail.expert:
        return detail.expert
    if detail.decision and detail.decision.strategy:
        return detail.decision.strategy
    return "nobody"


def _facts(view: View, detail: RequestDetail) -> list[tuple[str, Content]]:
    decision = detail.decision
    version = f"version {detail.expert_version}" if detail.expert_version else ""
    router = detail.router_version
    return [
        ("Id", tag("span", detail.request_id, class_="mono")),
        ("Asked", when(detail.started_at, view.zone)),
        ("Model", detail.model),
        (
            "Expert",
            [
                link(detail.expert, f"/admin/experts/{detail.expert}"),
                tag("div", version, class_="small faint"),
            ]
            if detail.expert
            else "",
        ),
        ("Strategy", decision.strategy if decision else ""),
        ("Policy", detail.policy),
        ("Router", tag("span", router, class_="mono") if router else ""),
        (
            "Tenant",
            link(detail.tenant, f"/admin/tenants/{detail.tenant}") if detail.tenant else "",
        ),
        ("Key", tag("span", detail.key_id, class_="mono") if detail.key_id else ""),
        ("Protocol", f"{detail.api}{', streamed' if detail.streamed else ''}"),
        ("Endpoint", detail.endpoint),
        ("Session", detail.session),
        ("Cache", detail.cache),
        ("Error", tag("span", detail.error_code, class_="mono") if detail.error_code else ""),
        ("Guardrails", _guardrails(detail)),
    ]


def _guardrails(detail: RequestDetail) -> Content:
    told = [
        tag("li", ", ".join(_told(name, value) for name, value in one.items() if value))
        for one in detail.guardrails or []
    ]
    return tag("ul", told, class_="plain-list") if told else "none had anything to say"


def _told(name: str, value: object) -> str:
    return f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}"


def _raw(detail: RequestDetail) -> None:
    """Draw the record as it is, once somebody asks for it."""
    place = ui.element("div")

    def show() -> None:
        place.clear()
        with place:
            text = json.dumps(detail.model_dump(mode="json"), indent=2, ensure_ascii=False)
            put(tag("pre", text, class_="block", tabindex="0", aria_label="The record as JSON"))
        shown.set_visibility(False)

    with ui.element("div").classes("line"):
        shown = button("Show as JSON", show, icon="data_object", kind="quiet")
