"""A list: searched, filtered, sorted, paged, exported; its state is in the page's address."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from nicegui import ui
from nicegui.events import GenericEventArguments

from coe_client import CoeError
from orchestrator.admin.parts.asking import button, telling
from orchestrator.admin.parts.choosing import Search, searched
from orchestrator.admin.parts.live import replace as replace_markup
from orchestrator.admin.parts.markup import Content, Markup, draw, tag
from orchestrator.admin.parts.sources import Query, Rows, Source, every
from orchestrator.admin.parts.states import empty, failed, waiting_rows

T = TypeVar("T")
Value = str | int | float | bool | None
_MOST = 100_000
_CLICKS = """(event) => {
  const pressed = event.target.closest("[data-sort], [data-act]");
  if (pressed) { event.preventDefault(); emit({...pressed.dataset}); }
}"""


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column.

    Args:
        name: Its heading.
        cell: What stands in a row's cell: text or markup.
        sort: What the source calls it; ``None``: it cannot be sorted by.
        numeric: Whether it is set to the right.
        value: What is exported; ``None``: the column is not.
        wide_only: Whether it is left out on a narrow screen.
    """

    name: str
    cell: Callable[[T], Content]
    sort: str | None = None
    numeric: bool = False
    value: Callable[[T], Value] | None = None
    wide_only: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice that narrows the list down.

    Args:
        key: What the source and the address call it.
        name: Its label.
        options: Values and how people read them; of those searched for, some.
        search: Finds more than these by what is typed; ``None``: these are all.
    """

    key: str
    name: str
    options: Mapping[str, str]
    search: Search | None = None


Act = Callable[[dict[str, str]], Awaitable[None]]
"""Is told what was pressed in a row: the ``data-`` attributes of the button, ``act`` among them."""


class Listing(Generic[T]):
    """Draws a list where it is made; :meth:`show` fills it.

    Args:
        name: What is listed, for the export's file and for those who do not see it.
        columns: Its columns.
        source: Where rows come from.
        start: Parameters of the page's address, which the list begins with and keeps up to date.
        filters: Choices.
        searchable: Placeholder of the search field; empty: there is none.
        nothing: What stands there when there are no rows at all.
        act: Is told what was pressed in a row.
        sort: What it is sorted by at first; with a ``-`` before it, the largest first.
        limit: Rows of a page.
    """

    def __init__(
        self,
        name: str,
        columns: Sequence[Column[T]],
        source: Source[T],
        *,
        start: Mapping[str, str] | None = None,
        filters: Sequence[Filter] = (),
        searchable: str = "",
        nothing: Markup | None = None,
        act: Act | None = None,
        sort: str = "",
        limit: int = 50,
    ) -> None:
        start = start or {}
        self._name, self._columns, self._source, self._filters = name, columns, source, filters
        self._nothing = nothing or empty(f"No {name} yet")
        self._act = act
        self._others = {
            k: v for k, v in start.items() if k not in {"q", "sort", *(f.key for f in filters)}
        }
        order = start.get("sort", sort)
        chosen = {one.key: start[one.key] for one in filters if start.get(one.key) in one.options}
        self.query = Query(
            start.get("q", ""), chosen, order.lstrip("-"), order.startswith("-"), None, limit
        )
        self._before: list[str | None] = []
        self._asked = 0
        with ui.element("section").classes("panel listing"):
            if searchable or filters:
                self._tools(searchable)
            self._trouble = ui.element("div")
            self._table = (
                draw(waiting_rows())
                .classes("rows")
                .props(f'tabindex="0" role="region" aria-label="{name}"')
            )
            self._table.on("click", self._clicked, js_handler=_CLICKS)
            self._pager = ui.element("div").classes("pager")

    async def show(self) -> None:
        """Fetch the page that is asked for and draw it, or say what went wrong."""
        self._asked += 1
        turn = self._asked
        error: CoeError | None = None
        page: Rows[T] = Rows(())
        try:
            page = await self._source(self.query)
        except CoeError as failure:
            error = failure
        if turn != self._asked or self._table.is_deleted:  # somebody has typed on meanwhile
            return
        self._trouble.clear()
        self._table.set_visibility(error is None)
        if error is not None:
            self._pager.set_visibility(False)
            with self._trouble:
                failed(error, self.show)
            return
        replace_markup(self._table, self._rows(page))
        self._pages(page)

    async def refresh(self) -> None:
        """Fetch the same page anew."""
        await self.show()

    def _tools(self, searchable: str) -> None:
        with ui.element("div").classes("tools"):
            if searchable:
                field = ui.input(placeholder=searchable, value=self.query.search).classes("search")
                field.props(
                    f'outlined dense clearable debounce=250 type=search aria-label="{searchable}"'
                )
                field.on_value_change(lambda event: self._ask(search=event.value or ""))
            for one in self._filters:
                choice = ui.select(
                    dict(one.options),
                    label=one.name,
                    value=self.query.filters.get(one.key),
                    with_input=one.search is not None,
                )
                if one.search is not None:
                    searched(choice, one.search)
                choice.props("outlined dense clearable options-dense").style("min-width: 150px")
                choice.on_value_change(lambda event, key=one.key: self._choose(key, event.value))
            ui.element("span").classes("push")
            if any(column.value for column in self._columns):
                button("Export", self._export, kind="quiet", icon="download")

    async def _choose(self, key: str, value: str | None) -> None:
        kept = {k: v for k, v in self.query.filters.items() if k != key}
        await self._ask(filters={**kept, key: value} if value else kept)

    async def _ask(self, **changed: Any) -> None:
        self.query = replace(self.query, after=None, **changed)
        self._before = []
        self._remember()
        await self.show()

    def _remember(self) -> None:
        query = self.query
        order = ("-" if query.descending else "") + query.sort
        kept = {**self._others, "q": query.search, "sort": order, **query.filters}
        address = urlencode({name: value for name, value in kept.items() if value})
        ui.run_javascript(
            f"history.replaceState(null, '', location.pathname + {('?' + address) if address else ''!r})"
        )

    async def _clicked(self, event: GenericEventArguments) -> None:
        pressed: dict[str, str] = event.args
        if "sort" in pressed:
            again = pressed["sort"] == self.query.sort
            await self._ask(
                sort=pressed["sort"], descending=not self.query.descending if again else True
            )
        elif self._act is not None:
            await self._act(pressed)

    def _rows(self, page: Rows[T]) -> Markup:
        if not page.rows:
            asked = self.query.search or self.query.filters
            return (
                empty("Nothing matches", "Change the search or the filters.", "search_off")
                if asked
                else self._nothing
            )
        head = tag("tr", [self._heading(column) for column in self._columns])
        body = [tag("tr", [_cell(column, row) for column in self._columns]) for row in page.rows]
        caption = tag("caption", self._name, class_="visually-hidden")
        return tag("table", caption, tag("thead", head), tag("tbody", body), class_="list cards")

    def _heading(self, column: Column[T]) -> Markup:
        class_ = _classes(column)
        if column.sort is None:
            return tag("th", column.name, scope="col", class_=class_)
        here = column.sort == self.query.sort
        arrow = "arrow_downward" if self.query.descending else "arrow_upward"
        icon = tag(
            "span", arrow, class_="material-icons", aria_hidden="true", style="font-size:14px"
        )
        pressed = tag(
            "button", column.name, icon if here else None, type="button", data_sort=column.sort
        )
        order = ("descending" if self.query.descending else "ascending") if here else None
        return tag("th", pressed, scope="col", class_=class_, aria_sort=order)

    def _pages(self, page: Rows[T]) -> None:
        self._pager.clear()
        more, before = page.next, bool(self._before)
        self._pager.set_visibility(bool(page.rows) and bool(more or before or page.total))
        with self._pager:
            first = len(self._before) * self.query.limit + 1
            here = f"{first:,} to {first + len(page.rows) - 1:,}"
            draw(tag("span", here if page.total is None else f"{here} of {page.total:,}"))
            ui.element("span").classes("push")
            if more or before:
                button("Back", self._back, kind="quiet", icon="chevron_left", enabled=before)
                button(
                    "Next",
                    lambda: self._next(more),
                    kind="quiet",
                    icon="chevron_right",
                    enabled=more is not None,
                )

    async def _next(self, after: str | None) -> None:
        self._before.append(self.query.after)
        self.query = replace(self.query, after=after)
        await self.show()

    async def _back(self) -> None:
        self.query = replace(self.query, after=self._before.pop())
        await self.show()

    async def _export(self) -> None:
        async with telling():
            columns = [column for column in self._columns if column.value is not None]
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow([column.name for column in columns])
            async for row in every(self._source, self.query, _MOST):
                writer.writerow([_plain(column.value(row)) for column in columns if column.value])
            ui.download.content(text.getvalue(), f"{self._name.replace(' ', '-')}.csv", "text/csv")


def act(name: str, kind: str, icon: str, /, **data: str) -> Markup:
    """Return a button for a row; what it is about goes into ``data``."""
    drawn = tag("span", icon, class_="material-icons", aria_hidden="true", style="font-size:18px")
    given = {f"data_{key}": value for key, value in data.items()}
    return tag(
        "button",
        drawn,
        type="button",
        class_="icon-button",
        title=name,
        aria_label=name,
        data_act=kind,
        **given,
    )


def _cell(column: Column[T], row: T) -> Markup:
    content = column.cell(row)
    # What a column without a heading holds is buttons: where there are none, nothing is missing.
    nothing = "–" if column.name else ""
    return tag(
        "td",
        tag("div", nothing if content in (None, "") else content),
        class_=_classes(column),
        data_name=column.name,
    )


def _classes(column: Column[Any]) -> str | None:
    return (
        " ".join(
            name
            for name, on in (
                ("num", column.numeric),
                ("hide-narrow", column.wide_only),
                ("acts", not column.name),
            )
            if on
        )
        or None
    )


def _plain(value: Value) -> Value:
    """Return a value that no spreadsheet takes for a formula."""
    return (
        f"'{value}"
        if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}
        else value
    )
