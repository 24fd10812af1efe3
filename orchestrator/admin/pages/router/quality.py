"""How well the router recognises what requests are about, and how well it knows when it does not."""

from __future__ import annotations

from collections.abc import Sequence

from coe_client.types import Confusion, RouterDiagnostics
from orchestrator.admin.parts.charts import chart, curve
from orchestrator.admin.parts.markup import Markup, table, tag
from orchestrator.admin.parts.markup import draw as put
from orchestrator.admin.parts.numbers import count, share
from orchestrator.admin.parts.panels import grid, lead, panel, tile, tiles
from orchestrator.admin.parts.states import empty
from orchestrator.admin.session import View


async def draw(view: View, version: str) -> None:
    """Draw measures on data kept apart, then what live traffic tells."""
    found = await view.client.routers.diagnostics(version)
    if found.note:
        lead(found.note)
    if found.source == "none":
        put(
            empty(
                "Nothing was measured",
                "A router that is trained brings its measures along.",
                "query_stats",
            )
        )
    else:
        _measured(found)
    _live(found)


def _measured(found: RouterDiagnostics) -> None:
    accuracy, reliability, risk, beyond = (
        found.accuracy,
        found.reliability,
        found.risk_coverage,
        found.out_of_scope,
    )
    tiles(
        tile(
            "Right category",
            share(accuracy.value if accuracy else None),
            f"{share(accuracy.low)} to {share(accuracy.high)}" if accuracy else None,
        ),
        tile(
            "Calibration error",
            share(reliability.ece if reliability else None),
            "how far sure and right differ",
        ),
        tile("Risk under coverage", f"{risk.area:.4f}" if risk else "–", "smaller is better"),
        tile(
            "Strangers told apart",
            share(beyond.auroc if beyond else None),
            "AUROC for what is out of scope",
        ),
        tile("Prompts", count(found.prompts), "kept apart from what was learned"),
    )
    with grid():
        if reliability:
            with panel("Reliability", "Of what it is so sure of, how much is right.", span=6):
                points = [
                    (one.confidence, one.accuracy) for one in reliability.bins if one.observations
                ]
                series = {"Router": points, "Perfect": [(0.0, 0.0), (1.0, 1.0)]}
                options = curve(
                    series, x="How sure", y="Share that is right", units=("share", "share")
                )
                options["xAxis"].update(min=0, max=1, interval=0.25)
                options["yAxis"].update(min=0, max=1, interval=0.25)
                options["series"][1].update(
                    lineStyle={"type": "dashed", "width": 1}, showSymbol=False
                )
                chart(options, "Share that is right over how sure the router is", height=300)
        if risk:
            with panel(
                "Risk and coverage",
                "Errors among what it answers if it leaves the least sure out.",
                span=6,
            ):
                points = [(one.coverage, one.risk) for one in risk.points]
                options = curve({"Risk": points}, x="Coverage", y="Risk", units=("share", "share"))
                options["xAxis"].update(min=0, max=1, interval=0.25)
                options["yAxis"].update(min=0, max=0.05 if _rarely_wrong(points) else None)
                options["series"][0]["showSymbol"] = False
                chart(options, "Risk over coverage", height=300)
        if found.confusion:
            _confusion(found)


def _rarely_wrong(points: Sequence[tuple[float, float]]) -> bool:
    """Tell whether errors are so rare that an axis of their own size would make a show of nothing."""
    return max((risk for _, risk in points), default=0.0) < 0.05


def _confusion(found: RouterDiagnostics) -> None:
    confusion = found.confusion
    if confusion is None:
        return
    with panel(
        "Confusion", "Rows: what prompts are about. Columns: what they were taken for.", span=12
    ):
        put(confusion_table(confusion))
        names = confusion.categories
        worst = sorted(
            (
                (value / max(sum(row), 1), names[at], names[other], value)
                for at, row in enumerate(confusion.counts)
                for other, value in enumerate(row)
                if other != at and value
            ),
            reverse=True,
        )[:8]
        if worst:
            rows = [(true, taken, count(value), share(part)) for part, true, taken, value in worst]
            put(
                table(
                    "Most confused",
                    ("About", "Taken for", "Prompts", "Share"),
                    rows,
                    numeric=(2, 3),
                )
            )


def confusion_table(confusion: Confusion) -> Markup:
    """Return the shares of each row, the fuller the larger."""
    rows = []
    for name, counts in zip(confusion.categories, confusion.counts, strict=True):
        total = max(sum(counts), 1)
        cells = [_cell(number, number / total) for number in counts]
        rows.append((tag("span", name, class_="strong"), *cells))
    headings = ("", *confusion.categories)
    return table("Confusion", headings, rows, numeric=range(1, len(headings)), matrix=True)


def _cell(number: int, part: float) -> Markup:
    if not number:
        return tag("span", "·", class_="faint")
    style = f"--strength:{round(100 * part)}%"
    return tag("span", share(part, 0), class_="cell", style=style, title=f"{number} prompts")


def _live(found: RouterDiagnostics) -> None:
    live = found.live
    with panel(f"Live traffic of {live.days} days"):
        if not live.requests:
            put(
                empty(
                    "No requests yet",
                    "As they come, this tells how sure the router was.",
                    "sensors",
                )
            )
            return
        rated = f"{live.mean_rating:+.2f}" if live.mean_rating is not None else "–"
        tiles(
            tile("Requests", count(live.requests)),
            tile("To the generalist", share(live.general_share), "for want of certainty"),
            tile("Rated by people", count(live.rated), f"mean {rated}, from -1 to 1"),
            tile("Corrected", count(live.corrected), "said to be about something else"),
        )
        rows = [
            (one.category, count(one.requests), share(one.mean_confidence))
            for one in live.categories
        ]
        put(
            table(
                "Categories", ("Category", "Requests", "How sure, on average"), rows, numeric=(1, 2)
            )
        )
        if live.corrections:
            texts = [
                f"{one.category} → {one.corrected} ({one.observations})" for one in live.corrections
            ]
            put(tag("p", "Corrections: ", ", ".join(texts), class_="soft"))
