"""The overview: figures, charts, who and what, and what needs somebody; it keeps itself up to date."""

from __future__ import annotations

from datetime import UTC, datetime

from nicegui import ui

from coe_client import CoeError
from coe_client.types import Breakdown, Overview
from orchestrator.admin.pages.overview.attention import attention
from orchestrator.admin.pages.overview.breakdown import KINDS, breakdown, requests_address
from orchestrator.admin.pages.overview.charts import (
    cache_chart,
    cost_chart,
    latency_chart,
    outcome_chart,
)
from orchestrator.admin.pages.overview.choices import Choices, options
from orchestrator.admin.pages.overview.figures import figures
from orchestrator.admin.pages.overview.ranges import USUAL
from orchestrator.admin.pages.overview.table import series_table
from orchestrator.admin.pages.overview.welcome import welcome
from orchestrator.admin.parts.asking import reload
from orchestrator.admin.parts.charts import Options, chart
from orchestrator.admin.parts.live import keep_fresh, replace
from orchestrator.admin.parts.markup import Markup, link, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import moment
from orchestrator.admin.parts.panels import grid, note_box, panel
from orchestrator.admin.session import View

_MORE = {
    "outcomes": link("Why did each go where it went?", "/admin/requests"),
    "cost": link("What if the budget were halved?", "/admin/router?budget=half"),
}
_EVERY = 10.0
"""Seconds between two looks while the page is seen."""


async def draw(view: View) -> None:
    """Draw the page."""
    if await _is_fresh(view):
        await _begin(view)
        return
    board = Board(view)
    await board.refresh()

    async def look() -> None:
        if board.moves:
            await board.refresh()

    keep_fresh(look, _EVERY)
    board.choices.offer(await options(view))


class Board:
    """The page's parts, which are drawn once and filled again and again.

    Args:
        view: Of whoever looks.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._found: Overview | None = None
        self._asked = 0
        self.choices = Choices(view, self.refresh)
        self._attention = put(Markup("")).classes("live").props('aria-live="polite"')
        self._figures = put(Markup("")).classes("stack live")
        self._charts: dict[str, ui.echart] = {}
        with grid():
            for name, title, note in (
                ("outcomes", "Requests", "By how they ended."),
                ("cost", "Money", "Spent, and what the best single expert would have cost."),
                ("latency", "Latency", "Of answered requests, to the end of the answer."),
                ("cache", "Cache", "Requests that looked for an answer that is kept."),
            ):
                told = [note, " ", _MORE[name]] if name in _MORE else note
                with panel(title, told, span=6):
                    self._charts[name] = chart({}, f"{title} over time. {note}", height=220)
        with (
            ui.element("section").classes("panel"),
            ui.expansion("The same as a table").classes("more flush") as self._unfolded,
        ):
            self._table = put(Markup("")).classes("live")
        self._unfolded.on_value_change(lambda _: self._tabulate())
        with panel("Who and what", "Each leads to its requests.", flush=True):
            with ui.tabs().props("dense align=left no-caps") as tabs:
                for key, name in KINDS.items():
                    ui.tab(key, f"By {name.lower()}")
            tabs.set_value(self.choices.by)
            tabs.on_value_change(lambda event: self._break_down(str(event.value)))
            self._breakdown = put(Markup("")).classes("live")
        self._foot = put(Markup(""))

    async def refresh(self) -> None:
        """Fetch what is asked for and show it; where it cannot be had, what is there stays and is dated."""
        self._asked += 1
        turn, when = self._asked, self.choices.range
        try:
            found = await self._view.client.overview.get(
                since=when.since, until=when.until, **self._only()
            )
        except CoeError as error:
            if self._found is None:
                raise
            if not self._foot.is_deleted:
                self._foot.set_content(note_box(f"Not refreshed: {error}", "warn"))
            return
        if turn != self._asked or self._foot.is_deleted:
            return
        self._found = found
        self._fill(found, when.before)

    @property
    def moves(self) -> bool:
        """Whether what is shown changes by itself."""
        return self.choices.range.moves

    def _only(self) -> dict[str, str]:
        return dict(self.choices.filters)

    def _fill(self, found: Overview, before: str) -> None:
        replace(self._attention, attention(found.attention))
        replace(self._figures, figures(found, before))
        for name, drawn in {
            "outcomes": outcome_chart(found.series),
            "cost": cost_chart(found.series),
            "latency": latency_chart(found.series),
            "cache": cache_chart(found.series),
        }.items():
            _redraw(self._charts[name], drawn)
        self._tabulate()
        self._show_breakdown(found)
        at = moment(datetime.now(UTC), self._view.zone)
        every = f" and anew every {_EVERY:.0f} seconds" if self.moves else ""
        requests = link("All requests of this time", requests_address(self._requests()))
        replace(self._foot, tag("p", requests, f" · read at {at}{every}", class_="small faint"))

    def _tabulate(self) -> None:
        if self._found is not None and self._unfolded.value:
            replace(self._table, series_table(self._found.series, self._view.zone))

    def _show_breakdown(self, found: Overview) -> None:
        kind = self.choices.by
        groups: dict[str, Breakdown] = {
            "expert": found.by_expert,
            "category": found.by_category,
            "tenant": found.by_tenant,
        }
        replace(self._breakdown, breakdown(kind, groups[kind], self._requests()))

    async def _break_down(self, kind: str) -> None:
        await self.choices.show_by(kind)
        if self._found is not None:
            self._show_breakdown(self._found)

    def _requests(self) -> dict[str, str]:
        kept = {"range": USUAL, **self.choices.address()}
        kept.pop("by", None)
        return kept


def _redraw(shown: ui.echart, options: Options) -> None:
    if shown.options != options:
        shown.options.clear()
        shown.options.update(options)
        shown.update()


async def _is_fresh(view: View) -> bool:
    """Tell whether nobody has ever asked anything; an address with choices in it is taken at its word."""
    if view.query:
        return False
    latest = await view.client.usage.list(page_size=1).page()
    return not latest.data


async def _begin(view: View) -> None:
    experts = await view.client.overview.experts_page(limit=1)
    put(welcome(view, experts.total))

    async def look() -> None:
        if not await _is_fresh(view):
            timer.deactivate()
            reload()

    timer = keep_fresh(look, _EVERY)
