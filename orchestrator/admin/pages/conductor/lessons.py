"""What runs have taught."""

from __future__ import annotations

from coe_client.types import Lesson
from orchestrator.admin.parts.asking import confirmed, telling
from orchestrator.admin.parts.listing import Column, Listing, act
from orchestrator.admin.parts.markup import tag
from orchestrator.admin.parts.sources import gathered, whole
from orchestrator.admin.parts.states import empty
from orchestrator.admin.parts.times import when
from orchestrator.admin.session import View


async def draw(view: View) -> None:
    """Draw the list."""

    async def pressed(data: dict[str, str]) -> None:
        if await confirmed(
            "Forget this lesson?", "Later runs are not told of it.", "Forget it", danger=True
        ):
            async with telling("Forgotten."):
                await view.client.lessons.delete(data["id"])
            await listing.refresh()

    columns = (
        Column[Lesson](
            "Task",
            lambda row: tag("span", row.task[:160], title=row.task),
            value=lambda row: row.task,
        ),
        Column[Lesson](
            "Answer",
            lambda row: tag("span", row.answer[:80], title=row.answer),
            value=lambda row: row.answer,
        ),
        Column[Lesson](
            "Warning",
            lambda row: tag("span", row.warning[:100], title=row.warning),
            value=lambda row: row.warning,
        ),
        Column[Lesson](
            "Category", lambda row: row.category, sort="category", value=lambda row: row.category
        ),
        Column[Lesson]("Tenant", lambda row: row.tenant, value=lambda row: row.tenant),
        Column[Lesson]("Learned", lambda row: when(row.created_at, view.zone)),
        Column[Lesson]("", lambda row: act("Forget", "delete", "delete", id=row.id), numeric=True),
    )
    listing = Listing(
        "lessons",
        columns,
        whole(
            lambda: gathered(view.client.lessons.list()),
            text=lambda row: f"{row.task} {row.answer} {row.category} {row.tenant}",
            values={"category": lambda row: row.category},
        ),
        start=view.query,
        searchable="Search lessons",
        act=pressed,
        nothing=empty(
            "No lessons yet",
            "Runs whose answers a check has confirmed leave one, where a tenant allows it.",
            "school",
        ),
    )
    await listing.show()
