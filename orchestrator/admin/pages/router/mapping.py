"""What each category goes to under a policy, and what would change with another budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nicegui import ui

from coe_client.types import CategoryMove, RouterBudget, RouterFrontier, RouterPolicy, RouterSolved
from orchestrator.admin.pages.router.budget_texts import (
    LIMITS,
    amount,
    budget_with,
    difference,
    limit_of,
    limits_in,
    slider_step,
)
from orchestrator.admin.pages.router.frontier import frontier_chart
from orchestrator.admin.parts.asking import button, go, telling
from orchestrator.admin.parts.charts import chart
from orchestrator.admin.parts.markup import Markup, badge, link, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import money, share
from orchestrator.admin.parts.panels import grid, note_box, panel, stack, tile, tiles
from orchestrator.admin.parts.states import empty
from orchestrator.admin.session import View


@dataclass
class _State:
    """What is chosen at the moment."""

    version: str
    policy: RouterPolicy
    limit_on: str
    frontier: RouterFrontier
    budget: RouterBudget | None
    solved: RouterSolved | None = None
    asked: int = field(default=0)


async def draw(view: View, version: str) -> None:
    """Draw the policies, the budget of one, and what it leads to."""
    listed = await view.client.routers.policies(version)
    policies = {one.name: one for one in listed.data}
    if not policies:
        put(empty("This version has no policies", "", "balance"))
        return
    name = view.query.get("policy", "")
    policy = policies.get(name) or policies.get("balanced") or next(iter(policies.values()))
    limit_on = view.query.get("limit_on", "money_usd")
    limit_on = limit_on if limit_on in LIMITS else "money_usd"
    frontier = await view.client.routers.frontier(version, policy.name, limit_on=limit_on)
    state = _State(version, policy, limit_on, frontier, policy.budget)
    _choices(view, policies, state)
    if policy.message:
        put(
            note_box(
                f"The budget cannot be kept with the present experts: {policy.message}", "warn"
            )
        )
    with grid():
        with stack(8):
            result = ui.element("div").classes("stack").props('aria-live="polite"')
        with stack(4) as side:
            side.classes("first-narrow")
            _budget_panel(view, state, result)
    await _solve(view, state, result)


def _choices(view: View, policies: dict[str, RouterPolicy], state: _State) -> None:
    def show(policy: str, limit_on: str) -> None:
        version = f"&version={view.query['version']}" if view.query.get("version") else ""
        go(f"/admin/router?tab=mapping&policy={policy}&limit_on={limit_on}{version}")

    with ui.element("div").classes("line"):
        chosen = ui.select(sorted(policies), label="Policy", value=state.policy.name)
        limit = ui.select(
            {key: one.name for key, one in LIMITS.items()}, label="Budget on", value=state.limit_on
        )
        for one in (chosen, limit):
            one.props("outlined dense options-dense").style("min-width: 200px")
        chosen.on_value_change(lambda event: show(event.value, state.limit_on))
        limit.on_value_change(lambda event: show(state.policy.name, event.value))
        put(tag("span", state.policy.description, class_="soft small"))


def _budget_panel(view: View, state: _State, result: ui.element) -> None:
    frontier, limit = state.frontier, LIMITS[state.limit_on]
    with panel(
        "What if the budget were",
        f"{limit.explained} Nothing changes until a version is made of it.",
    ):
        if frontier.lowest is None or frontier.highest is None:
            put(empty("There is nothing to choose", frontier.message or "", "tune"))
            return
        low, high = frontier.lowest, max(frontier.highest, frontier.lowest)
        now = limit_of(state.policy.budget, state.limit_on)
        present = now if now is not None else frontier.present.spent if frontier.present else high
        begin = present / 2 if view.query.get("budget") == "half" else present
        if begin != present:  # asked for by the address: what is solved first is that
            state.budget = budget_with(state.policy.budget, state.limit_on, begin)
        value = put(tag("div", amount(begin, state.limit_on), class_="value-big num"))

        async def change(wanted: float | None) -> None:
            state.budget = budget_with(state.policy.budget, state.limit_on, wanted)
            value.set_content(tag("div", amount(wanted, state.limit_on), class_="value-big num"))
            await _solve(view, state, result)

        slider = ui.slider(
            min=min(low, begin), max=max(high, present), value=begin, step=slider_step(low, high)
        )
        slider.props(f'aria-label="{limit.name}"')
        slider.on("change", lambda event: change(float(event.args)))
        ends = tag("span", amount(low, state.limit_on)) + tag(
            "span", amount(high, state.limit_on), class_="push"
        )
        put(tag("div", ends, class_="line small faint"))

        async def halve() -> None:
            half = present / 2
            slider.props(f"min={min(low, half)}")
            slider.set_value(half)
            await change(half)

        async def lift() -> None:
            slider.set_value(max(high, present))
            await change(None)

        with ui.element("div").classes("line"):
            button("Halve it", halve, icon="content_cut")
            button("No limit", lift, kind="quiet")
    _make_panel(view, state)


def _make_panel(view: View, state: _State) -> None:
    with panel(
        "Make a version of it", "It decides nothing until it is promoted, and can be rolled back."
    ):
        note = ui.input("Note", placeholder="Why").props("outlined dense stack-label")

        async def make() -> None:
            async with telling():
                made = await view.client.routers.set_budget(
                    state.version,
                    state.policy.name,
                    **limits_in(state.budget),
                    note=note.value or "",
                )
                go(f"/admin/router/versions/{made.version.id}")

        button(
            "Make the version",
            make,
            kind="primary",
            icon="add",
            enabled=view.may("editor"),
            why_not="This needs the role editor.",
        )


async def _solve(view: View, state: _State, result: ui.element) -> None:
    state.asked += 1
    turn = state.asked
    async with telling():
        solved = await view.client.routers.solve(
            state.version,
            state.policy.name,
            **limits_in(state.budget),
            unlimited=state.budget is None and state.policy.budget is not None,
        )
        if turn != state.asked or result.is_deleted:  # the slider has moved on
            return
        state.solved = solved
        result.clear()
        with result:
            _solved(state, solved)


def _solved(state: _State, solved: RouterSolved) -> None:
    before, after = solved.before, solved.after
    if before is None or after is None:
        put(empty("No expert is there", solved.message or "Add one first.", "hub"))
        return
    quality = difference(before.expected_quality, after.expected_quality, share)
    cost = difference(before.expected_cost_usd, after.expected_cost_usd, money)
    tiles(
        tile("Expected quality", share(after.expected_quality), quality),
        tile("Cost of a request", money(after.expected_cost_usd), cost),
        tile("Categories that move", str(solved.moved), f"of {len(solved.categories)}"),
        tile("Experts in use", str(after.experts), f"{before.experts} now"),
    )
    if not solved.feasible:
        told = solved.message or "No mapping keeps this budget."
        put(note_box(f"{told} Shown is the nearest that can be kept.", "warn"))
    with panel("Quality for money", "Each point is the best mapping for that budget."):
        chart(
            frontier_chart(state.frontier, after, state.limit_on),
            f"Expected quality over {LIMITS[state.limit_on].name}",
            height=230,
        )
    with panel("Mapping", flush=True):
        put(mapping_table(solved.categories))


def mapping_table(categories: Sequence[CategoryMove]) -> Markup:
    """Return which expert each category has and would have; those that move come first."""
    rows = []
    for one in sorted(categories, key=lambda one: not one.moved):
        expert = link(one.expert, f"/admin/experts/{one.expert}")
        if one.moved:
            expert = tag("span", one.expert_before, class_="faint struck") + Markup(" → ") + expert
        prior = badge("assumed") if one.source == "prior" else Markup("")
        rows.append(
            (
                tag("span", one.name or one.id, class_="strong"),
                expert,
                share(one.quality) + prior,
                _change(one.quality - one.quality_before),
                money(one.cost_usd),
            )
        )
    headings = ("Category", "Expert", "Expected quality", "Change", "Cost a request")
    return table("Mapping", headings, rows, numeric=(2, 3, 4))


def _change(points: float) -> Markup:
    if abs(points) < 0.0005:  # less than is shown
        return tag("span", "same", class_="faint")
    return tag("span", f"{100 * points:+.1f} points", class_="good" if points > 0 else "bad")
