"""The catalogue as a list."""

from __future__ import annotations

from coe_client.types import ExpertRecord
from orchestrator.admin.parts.listing import Column, Listing
from orchestrator.admin.parts.markup import link
from orchestrator.admin.parts.sources import gathered, whole
from orchestrator.admin.session import View


async def draw(view: View) -> None:
    """Draw the page."""
    columns = (
        Column[ExpertRecord](
            "Expert",
            lambda row: link(row.expert.id, f"/admin/experts/{row.expert.id}", "row-link"),
            sort="id",
            value=lambda row: row.expert.id,
        ),
        Column[ExpertRecord](
            "Provider", lambda row: row.expert.provider, value=lambda row: row.expert.provider
        ),
        Column[ExpertRecord](
            "Version",
            lambda row: str(row.version),
            sort="version",
            numeric=True,
            value=lambda row: row.version,
        ),
    )
    source = whole(
        lambda: gathered(view.client.experts.list()),
        text=lambda row: row.expert.id,
        values={"id": lambda row: row.expert.id, "version": lambda row: row.version},
    )
    listing = Listing(
        "experts", columns, source, start=view.query, searchable="Search experts", sort="id"
    )
    await listing.show()
