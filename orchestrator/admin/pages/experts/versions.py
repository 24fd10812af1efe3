"""What an expert has been: versions, what changed in each, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from coe_client.types import ExpertRecord
from orchestrator.admin.pages.experts.differences import Difference, differences, told
from orchestrator.admin.pages.experts.telling import who
from orchestrator.admin.parts.asking import confirmed, reload, telling
from orchestrator.admin.parts.listing import Column, Listing, act
from orchestrator.admin.parts.markup import Markup, badge, link, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.panels import panel
from orchestrator.admin.parts.sources import Query, Rows, Source
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View


@dataclass(frozen=True, slots=True)
class Step:
    """A version beside the one before it.

    Args:
        record: The version.
        changed: What it changed; ``None``: it is the first.
    """

    record: ExpertRecord
    changed: list[Difference] | None


def entry(record: ExpertRecord) -> dict[str, Any]:
    """Return the entry of a version as plain data."""
    return record.expert.model_dump(mode="json", exclude_unset=True)


def steps(records: list[ExpertRecord], older: ExpertRecord | None) -> list[Step]:
    """Return versions, the newest first, with what each changed.

    Args:
        records: The versions of a page.
        older: The one before the last of them; ``None``: there is none.
    """
    before = [*records[1:], older]
    return [
        Step(one, None if last is None else differences(entry(last), entry(one)))
        for one, last in zip(records, before, strict=True)
    ]


async def draw(view: View, record: ExpertRecord) -> None:
    """Draw the tab.

    Args:
        view: Of whoever looks; ``from`` and ``to`` in its address are two versions that are compared.
        record: The version in force.
    """
    chosen = view.query.get("from", ""), view.query.get("to", "")
    if all(number.isdigit() for number in chosen):
        await _compare(view, record, int(chosen[0]), int(chosen[1]))

    async def pressed(data: dict[str, str]) -> None:
        text = "It is put in force again as a new version, on every replica within a second."
        number = int(data["version"])
        if await confirmed(f"Go back to version {number}?", text, "Go back"):
            async with telling(f"Version {number} is in force again."):
                await view.client.experts.rollback(record.expert.id, number)
                reload()

    def back(row: Step) -> Markup:
        number = row.record.version
        if number == record.version or not view.may("editor"):
            return tag("span")
        return act(
            f"Go back to version {number}",
            "rollback",
            "settings_backup_restore",
            version=str(number),
        )

    columns = (
        Column[Step](
            "Version", lambda row: _number(row, record), value=lambda row: row.record.version
        ),
        Column[Step](
            "What changed",
            lambda row: _changed(row, record),
            value=lambda row: told(row.changed or [], most=50),
        ),
        Column[Step](
            "When",
            lambda row: when(row.record.updated_at, view.zone),
            value=lambda row: str(row.record.updated_at or ""),
        ),
        Column[Step](
            "By", lambda row: who(row.record.updated_by), value=lambda row: row.record.updated_by
        ),
        Column[Step]("", back, numeric=True),
    )
    listing = Listing("versions", columns, _source(view, record.expert.id), act=pressed, limit=25)
    await listing.show()


def _source(view: View, expert_id: str) -> Source[Step]:
    async def fetch(query: Query) -> Rows[Step]:
        page = await view.client.experts.versions(expert_id, page_size=query.limit).page(
            query.after
        )
        following = page.next if page.has_more else None
        older = None
        if following is not None:
            behind = await view.client.experts.versions(expert_id, page_size=1).page(following)
            older = next(iter(behind.data), None)
        return Rows(steps(page.data, older), following)

    return fetch


def _number(row: Step, now: ExpertRecord) -> Markup:
    number = tag("span", str(row.record.version), class_="strong num")
    return (
        number + " " + badge("in force", "good", dot=True)
        if row.record.version == now.version
        else number
    )


def _changed(row: Step, now: ExpertRecord) -> Markup:
    if row.changed is None:
        text = tag("span", "Added", class_="soft")
    elif not row.changed:
        text = tag(
            "span", "Nothing: it was retired and came back, or put in force again", class_="soft"
        )
    else:
        text = tag("span", told(row.changed))
    if row.record.version == now.version:
        return text
    address = (
        f"/admin/experts/{now.expert.id}?tab=versions&from={row.record.version}&to={now.version}"
    )
    return text + tag("span", link("Compare with what is in force", address), class_="sub")


async def _compare(view: View, record: ExpertRecord, first: int, second: int) -> None:
    wanted = {first: None, second: None}
    found: dict[int, ExpertRecord] = {}
    async for one in view.client.experts.versions(record.expert.id, page_size=100):
        if one.version in wanted:
            found[one.version] = one
        if len(found) == len(wanted) or one.version < min(wanted):
            break
    with panel(f"Version {first} beside version {second}"):
        if len(found) < len(wanted):
            put(tag("p", "One of these versions is not there."))
            return
        changed = differences(entry(found[first]), entry(found[second]))
        if not changed:
            put(tag("p", "They say the same.", class_="soft"))
            return
        rows = [
            (tag("code", one.field), _side(one.before, "gone"), _side(one.after, "new"))
            for one in changed
        ]
        headings = ("Field", f"Version {first}", f"Version {second}")
        put(tag("div", table("Differences", headings, rows), class_="inset"))


def _side(text: str | None, class_: str) -> Markup:
    if text is None:
        return tag("span", "not set", class_="faint")
    return tag("span", text, class_=f"side {class_}")
