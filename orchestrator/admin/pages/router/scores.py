"""What each expert is worth in each category."""

from __future__ import annotations

from coe_client.types import ExpertScores, ScoreCell
from orchestrator.admin.parts.listing import Column, Listing
from orchestrator.admin.parts.markup import Markup, badge, link, tag
from orchestrator.admin.parts.numbers import money, share
from orchestrator.admin.parts.panels import lead
from orchestrator.admin.parts.sources import Query, paged
from orchestrator.admin.session import View


async def draw(view: View, version: str) -> None:
    """Draw the matrix as a list of experts."""
    first = (await view.client.routers.scores(version, page_size=1).page()).data
    names = [cell.category for cell in first[0].cells] if first else []
    lead(
        "The share of tasks that an expert does well; pointed at, the interval that holds it in 95 of 100 cases. "
        "Pale: assumed from what is known of the expert, not measured."
    )
    columns = [
        Column[ExpertScores]("Expert", _expert, sort="expert", value=lambda row: row.expert),
        Column[ExpertScores](
            "Mean",
            lambda row: share(row.expected_quality),
            sort="quality",
            numeric=True,
            value=lambda row: row.expected_quality,
        ),
        Column[ExpertScores](
            "Cost",
            lambda row: money(row.expected_cost_usd),
            sort="cost",
            numeric=True,
            value=lambda row: row.expected_cost_usd,
        ),
        *(_column(at, name) for at, name in enumerate(names)),
    ]

    def order(query: Query) -> str | None:
        return f"{'-' if query.descending else ''}{query.sort}" if query.sort else None

    listing = Listing(
        "scores",
        columns,
        paged(
            lambda query: view.client.routers.scores(
                version, q=query.search or None, sort=order(query), page_size=query.limit
            )
        ),
        start=view.query,
        searchable="Search experts",
        sort="-quality",
        limit=50,
    )
    await listing.show()


def _column(at: int, name: str) -> Column[ExpertScores]:
    return Column(
        name,
        lambda row: _cell(row.cells[at]) if at < len(row.cells) else "",
        numeric=True,
        value=lambda row: row.cells[at].quality if at < len(row.cells) else None,
    )


def _cell(cell: ScoreCell) -> Markup:
    measured = cell.source == "measured"
    told = (
        f"{share(cell.low)} to {share(cell.high)}, {cell.observations} observations"
        if measured and cell.low is not None
        else "assumed, not measured"
    )
    if cell.evaluated is not None:
        told += f"; since evaluated: {share(cell.evaluated.quality)}"
    strength = round(100 * max(0.0, min(1.0, cell.quality)))
    style = f"--strength:{strength}%"
    return tag(
        "span",
        share(cell.quality, 0),
        title=told,
        class_="cell" if measured else "cell assumed",
        style=style,
    )


def _expert(row: ExpertScores) -> Markup:
    name = link(row.expert, f"/admin/experts/{row.expert}", "row-link")
    return name if row.enabled else name + Markup(" ") + badge("disabled")
