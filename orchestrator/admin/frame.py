"""What surrounds every page: navigation, heading, who is signed in; and how a page comes to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from nicegui import Client, app, ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from coe_client import CoeError
from orchestrator.admin.contents import PAGES, Page
from orchestrator.admin.mounting import PATH
from orchestrator.admin.parts import states
from orchestrator.admin.parts.markup import Markup, draw, tag
from orchestrator.admin.parts.panels import panel
from orchestrator.admin.session import Door, View, theme_of
from orchestrator.admin.signing_in import sign_in_path

_HEAD = Markup(
    '<link rel="stylesheet" href="{path}/static/admin.css"><script src="{path}/static/admin.js"></script>'
)
_COLORS = {"light": False, "dark": True, "auto": None}
Handler = Callable[[Request, Exception], Awaitable[Response]]


def add_page(page: Page, door: Door) -> None:
    """Register a page.

    Args:
        page: The page.
        door: Finds out who looks.
    """

    async def show(request: Request) -> Response | None:
        try:
            view = await door.view(request)
        except CoeError as error:
            _bare(request, error)
            return None
        if view is None:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(sign_in_path(here), 303)
        if not view.may(page.role) and not page.path:  # whoever may not look here begins elsewhere
            first = next(one for one in PAGES if one.group and view.may(one.role))
            return RedirectResponse(PATH + first.path, 303)
        content = _frame(page, view)
        await ui.context.client.connected()
        with content:
            if view.may(page.role):
                await states.shown(page.draw, view)
            else:
                content.clear()
                states.refused(page.role)
        return None

    ui.page(page.path or "/", title=f"{page.title} · Composition of Experts")(show)


def add_missing(door: Door) -> None:
    """Say where there is no page, on one that looks like the others.

    Args:
        door: Finds out who looks.
    """
    usual = cast("Handler", app.exception_handlers[404])
    nowhere = Page("/nowhere", "No such page", _nowhere)

    async def missing(request: Request, error: Exception) -> Response:
        if request.scope.get("endpoint") not in {
            None,
            app,
        }:  # not a page: a part of one, told of as JSON
            return await usual(request, error)
        try:
            view = await door.view(request)
        except CoeError:
            view = None
        if view is None:
            return RedirectResponse(sign_in_path(PATH), 303)
        with Client(ui.page(""), request=request) as client:
            content = _frame(nowhere, view)
            content.clear()
            with content:
                await nowhere.draw(view)
        return client.build_response(request, 404)

    app.add_exception_handler(404, missing)


async def _nowhere(_: View) -> None:
    back = tag("a", "Go to the first page", href=PATH)
    with panel():
        draw(
            states.empty(
                "There is no such page", ["Its address may be mistyped. ", back], "explore_off"
            )
        )


def _frame(page: Page, view: View) -> ui.element:
    ui.add_head_html(_HEAD.format(path=PATH))
    ui.dark_mode(_COLORS[view.theme])
    draw(tag("a", "Skip to the page", href="#page", class_="visually-hidden skip"))
    draw(_rail(page, view))
    with ui.element("header").classes("bar"):
        draw(_bar(page), element="div").classes("crumbs")
        ui.element("div").classes("line").props('id="actions"')
        _account(view)
    content = ui.element("div").classes("page").props('id="page" tabindex="-1"')
    with content:
        states.skeleton()
    return content


def _rail(page: Page, view: View) -> Markup:
    """Return the navigation: what whoever looks may see, by group."""
    here = page.parent or page.path
    groups: dict[str, list[Page]] = {}
    for one in PAGES:
        if one.group and view.may(one.role):
            groups.setdefault(one.group, []).append(one)
    lists = [
        tag("h2", name) + Markup("").join(_entry(one, current=one.path == here) for one in members)
        for name, members in groups.items()
    ]
    brand = tag(
        "a",
        tag("img", src=f"{PATH}/static/icon.svg", alt=""),
        "Composition of Experts",
        href=PATH,
        class_="brand",
    )
    rail = tag("div", brand, tag("nav", lists, aria_label="Pages"), class_="rail", id="rail")
    return rail + tag("div", class_="scrim", onclick="coeRail(false)")


def _entry(page: Page, *, current: bool) -> Markup:
    icon = tag("span", page.icon, class_="material-icons", aria_hidden="true")
    return tag(
        "a", icon, page.title, href=PATH + page.path, aria_current="page" if current else None
    )


def _bar(page: Page) -> Markup:
    menu = tag(
        "button",
        tag("span", "menu", class_="material-icons", aria_hidden="true"),
        class_="only-narrow icon-button",
        aria_label="Open the navigation",
        onclick="coeRail(true)",
    )
    above = next((one for one in PAGES if one.path == page.parent), None) if page.parent else None
    crumb = (
        tag("a", above.title, href=PATH + above.path) + tag("span", "/", class_="faint")
        if above
        else ""
    )
    return menu + crumb + tag("h1", page.title, id="title")


def _account(view: View) -> None:
    with (
        ui.button(icon="account_circle", color=None)
        .classes("quiet")
        .props('flat aria-label="Account and theme"'),
        ui.menu().props('anchor="bottom right" self="top right"'),
    ):
        who = tag("div", view.me.name or view.me.id, class_="strong") + tag(
            "div", f"{view.me.role} · tenant {view.me.tenant}", class_="small soft"
        )
        draw(who).style("padding: 12px 16px 8px; min-width: 220px")
        ui.separator()
        for theme, name in (
            ("auto", "Theme of the system"),
            ("light", "Light"),
            ("dark", "Dark"),
        ):
            ui.menu_item(name).on("click", js_handler=f"() => coeTheme('{theme}')")
        ui.separator()
        ui.menu_item("Sign out").on("click", js_handler="() => coeSignOut()")


def _bare(request: Request, error: CoeError) -> None:
    """Draw a page for the time when the service cannot tell who is looking."""
    ui.add_head_html(_HEAD.format(path=PATH))
    ui.dark_mode(_COLORS[theme_of(request)])
    ui.status_code(503)
    with ui.element("div").classes("page").style("margin: 0 auto"):
        states.failed(error)
