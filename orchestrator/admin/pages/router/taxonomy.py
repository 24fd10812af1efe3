"""The categories: what the router tells apart, by which examples; a change makes a candidate version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from coe_client.types import Possible, RouterCategory, RouterRegression, RouterTaxonomy
from orchestrator.admin.parts import panels
from orchestrator.admin.parts.asking import button, go, telling
from orchestrator.admin.parts.listing import Column, Listing, act
from orchestrator.admin.parts.markup import Markup, badge, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count
from orchestrator.admin.parts.panels import note_box
from orchestrator.admin.parts.sources import whole
from orchestrator.admin.session import View

_EDITOR = "This needs the role editor."
Changes = Sequence[Mapping[str, Any]]


async def draw(view: View, version: str) -> None:
    """Draw the list of categories."""
    taxonomy = await view.client.routers.taxonomy(version)
    learned = (
        "It was learned from data: "
        if taxonomy.learned
        else "It is made of these texts and examples alone: "
    )
    told = "a change makes a new version, which decides nothing until it is promoted."
    with panels.actions(learned + told):
        _button(
            view, "Add a category", taxonomy.possible.add_category, lambda: _add(view, taxonomy)
        )

    async def pressed(data: dict[str, str]) -> None:
        if data["act"] == "edit":
            await _edit(view, taxonomy, data["id"])
        else:
            await _remove(view, taxonomy, data["id"])

    def actions(row: RouterCategory) -> Markup:
        if not view.may("editor"):
            return Markup("")
        edit = act(f"Open {row.name or row.id}", "edit", "edit", id=row.id)
        remove = act(f"Remove {row.name or row.id}", "remove", "delete", id=row.id)
        return edit + (remove if taxonomy.possible.remove_category.possible else Markup(""))

    columns = (
        Column[RouterCategory]("Category", _name, sort="name", value=lambda row: row.id),
        Column[RouterCategory](
            "What it is about", lambda row: row.description, value=lambda row: row.description
        ),
        Column[RouterCategory](
            "Examples",
            lambda row: count(row.example_count),
            sort="examples",
            numeric=True,
            value=lambda row: row.example_count,
        ),
        Column[RouterCategory]("Such as", _examples, wide_only=True),
        Column[RouterCategory]("", actions, numeric=True),
    )
    listing = Listing(
        "categories",
        columns,
        whole(
            lambda: _again(view, version),
            text=lambda row: f"{row.id} {row.name} {row.description} {' '.join(row.examples)}",
            values={
                "name": lambda row: row.name or row.id,
                "examples": lambda row: row.example_count,
            },
        ),
        start=view.query,
        searchable="Search categories and examples",
        act=pressed,
        sort="name",
        limit=100,
    )
    await listing.show()


async def _again(view: View, version: str) -> Sequence[RouterCategory]:
    return (await view.client.routers.taxonomy(version)).data


def _name(row: RouterCategory) -> Markup:
    own = badge(row.origin, "accent") if row.origin != "starter" else Markup("")
    return (
        tag("span", row.name or row.id, " ", class_="strong")
        + own
        + tag("span", row.id, class_="sub mono")
    )


def _examples(row: RouterCategory) -> Markup:
    return tag(
        "ul",
        [tag("li", text[:90], class_="clip") for text in row.examples[:2]],
        class_="plain-list small soft",
    )


def _button(view: View, name: str, possible: Possible, do: Any) -> None:
    may = view.may("editor") and possible.possible
    why = possible.reason or _EDITOR if not possible.possible else _EDITOR
    button(name, do, kind="primary", icon="add", enabled=may, why_not=why)


async def _add(view: View, taxonomy: RouterTaxonomy) -> None:
    least = taxonomy.possible.add_category.least_examples
    with ui.dialog() as dialog, ui.card().classes("dialog wide"):
        put(tag("h2", "Add a category"))
        key = ui.input("Id", placeholder="such as legal").props(
            "outlined dense stack-label autofocus"
        )
        name = ui.input("Name").props("outlined dense")
        text = ui.input("What it is about").props("outlined dense")
        label = f"Examples, one a line (at least {least})" if least else "Examples, one a line"
        examples = ui.textarea(label).props("outlined dense rows=8")

        def changes() -> Changes:
            given = {
                "id": key.value.strip(),
                "name": name.value.strip(),
                "description": text.value.strip(),
            }
            return [{"op": "add", **given, "examples": lines(examples.value)}]

        _try_or_make(view, taxonomy, dialog, changes)
    await dialog
    dialog.delete()


async def _edit(view: View, taxonomy: RouterTaxonomy, category: str) -> None:
    found = await view.client.routers.category(taxonomy.version_id, category)
    possible = taxonomy.possible
    with ui.dialog() as dialog, ui.card().classes("dialog wide"):
        put(tag("h2", found.name or found.id))
        name = ui.input("Name", value=found.name).props("outlined dense")
        text = ui.input("What it is about", value=found.description).props("outlined dense")
        examples = ui.textarea("Examples, one a line", value="\n".join(found.examples))
        examples.props("outlined dense rows=10")
        if not possible.change_examples.possible:
            examples.props("readonly")
            put(note_box(possible.change_examples.reason or "Examples cannot be changed.", "warn"))

        def changes() -> Changes:
            return changed(
                found.id,
                (found.name, found.description, found.examples),
                (name.value, text.value, lines(examples.value)),
            )

        _try_or_make(view, taxonomy, dialog, changes)
    await dialog
    dialog.delete()


async def _remove(view: View, taxonomy: RouterTaxonomy, category: str) -> None:
    with ui.dialog() as dialog, ui.card().classes("dialog wide"):
        put(tag("h2", f"Remove {category}"))
        put(tag("p", "Its requests are taken for the categories that are left.", class_="soft"))
        _try_or_make(view, taxonomy, dialog, lambda: [{"op": "remove", "id": category}])
    await dialog
    dialog.delete()


def _try_or_make(view: View, taxonomy: RouterTaxonomy, dialog: ui.dialog, changes: Any) -> None:
    """Draw buttons that try a change on known prompts, or make a version of it."""
    outcome = ui.element("div").classes("stack").props('aria-live="polite"')

    async def send(*, preview: bool) -> None:
        async with telling():
            made = await view.client.routers.change_taxonomy(
                taxonomy.version_id, changes(), preview=preview
            )
            if made.version is not None:
                go(f"/admin/router/versions/{made.version.id}")
                return
            outcome.clear()
            with outcome:
                _regression(made.regression)

    with ui.element("div").classes("line").style("justify-content: flex-end"):
        button("Cancel", dialog.close)
        button("Try it", lambda: send(preview=True), icon="science")
        button("Make a version", lambda: send(preview=False), kind="primary")


def _regression(found: RouterRegression) -> None:
    """Say what a change does to prompts whose category is known."""
    told = f"Of {count(found.tried)} prompts whose category is known, {count(found.kept)} are recognised as before."
    new = (
        f" Of {count(found.examples)} new examples, {count(found.recognised)} are recognised."
        if found.examples
        else ""
    )
    put(note_box(told + new, "good" if not found.changed else "warn"))
    if found.changes:
        rows = [(one.text[:100], one.before, one.after) for one in found.changes]
        put(table("Taken for something else", ("Prompt", "Before", "Then"), rows))


def lines(text: str | None) -> list[str]:
    """Return the lines of a text that say something, each once."""
    return list(dict.fromkeys(line.strip() for line in (text or "").splitlines() if line.strip()))


def changed(
    category: str, before: tuple[str, str, Sequence[str]], after: tuple[str, str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return what has changed of a category, as the API takes it.

    Args:
        category: Its id.
        before: Name, description and examples.
        after: Likewise.
    """
    change: dict[str, Any] = {"op": "change", "id": category}
    for field, old, new in zip(("name", "description"), before, after, strict=False):
        if isinstance(new, str) and new.strip() != old:
            change[field] = new.strip()
    added = [text for text in after[2] if text not in before[2]]
    removed = [text for text in before[2] if text not in after[2]]
    if added:
        change["add_examples"] = added
    if removed:
        change["remove_examples"] = removed
    return [change]
