"""An evaluation of strategies as one HTML page that needs nothing else.

Made from the plain dictionary of :func:`.summary.summarise` alone, in the style of the router's report.
Whatever comes from the data is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from orchestrator.conductor.evaluation.drawing import Spot, drawn
from orchestrator.conductor.evaluation.equal_cost import BASELINES, FRONTIER
from router.evaluation import svg
from router.evaluation.pieces import (
    billions,
    dollars,
    figure,
    figure_of,
    interval,
    legend,
    para,
    section,
    signed,
    table,
)
from router.evaluation.style import CSS

Report = Mapping[str, Any]
_AXES = {
    "usd": (1000.0, "US dollars per 1,000 tasks"),
    "tokens": (1.0, "thousands of tokens per 1,000 tasks"),
}
_VERDICTS = {"win": "better", "tie": "no difference shown", "lose": "worse"}


def render(report: Report, *, title: str = "Strategies", subtitle: str = "") -> str:
    """Return the page.

    Args:
        report: From :func:`.summary.summarise`.
        title: Of the page.
        subtitle: Such as the name of the file of tasks.
    """
    parts = (_strategies, _equal_cost, _plots, _categories, _left_out)
    body = "".join(part(report) for part in parts)
    about = f"<p class='sub'>{escape(subtitle)}</p>" if subtitle else ""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>"
        f"<header><h1>{escape(title)}</h1>{about}</header>{_headline(report)}{body}"
        f"<footer>{report['n']:,} tasks. Accuracies: Wilson intervals. Differences: paired "
        f"percentile bootstrap, {report['draws']:,} resamples, seed {report['seed']}.</footer>"
        "</main></body></html>\n"
    )


def _headline(report: Report) -> str:
    tiles = [("tasks", f"{report['n']:,}", f"{len(report['categories'])} categories")]
    known = {
        name: found for name, found in report["strategies"].items() if found["accuracy"] is not None
    }
    if known:
        best = max(known, key=lambda name: known[name]["accuracy"])
        tiles.append(("most accurate", best, f"{figure(known[best]['accuracy'])} at "
                      f"{dollars(known[best]['usd'])} per 1,000"))  # fmt: skip
        against = known[best]["against_direct"]
        if against and best != "direct":
            note = f"{interval(against['ci95'], plus=True)}: {_VERDICTS[against['verdict']]}"
            tiles.append(("its gain over direct", signed(against["gain"]), note))
    cells = "".join(
        f"<div class='tile'><div class='what'>{escape(what)}</div><div class='value'>{escape(value)}"
        f"</div><div class='note'>{escape(note)}</div></div>"
        for what, value, note in tiles
    )
    return f"<section class='tiles'>{cells}</section>"


def _strategies(report: Report) -> str:
    head = ["strategy", "accuracy", "95 % interval", "n", "against direct", "95 % interval", "is"]
    head += ["$ per 1,000", "tokens", "calls", "seconds", "active", "stopped", "failed"]
    rows = []
    for name, found in report["strategies"].items():
        against = found["against_direct"] or {}
        rows.append(
            [
                name,
                figure(found["accuracy"]),
                interval(found["ci95"]),
                f"{found['n']:,}",
                signed(against.get("gain")) if name != "direct" else "–",
                interval(against.get("ci95"), plus=True) if name != "direct" else "–",
                _VERDICTS.get(against.get("verdict", ""), "–") if name != "direct" else "–",
                dollars(found["usd"]),
                f"{found['tokens']:,.0f}",
                f"{found['calls']:.2f}",
                f"{found['seconds']:.2f}",
                billions(found["active_parameters"]),
                str(found["stopped"]),
                str(found["failed"]),
            ]
        )
    note = (
        "Money, tokens, calls and seconds are means of a task; active parameters are summed over "
    )
    note += (
        "a task's calls. A run that failed counts as wrong; stopped means that a limit was reached."
    )
    return section("Strategies", table(head, rows) + para(note))


def equal_cost_cells(report: Report) -> tuple[list[str], list[list[str | None]]]:
    """Return the comparison at equal cost as a table: its head, and a row for each strategy.

    Args:
        report: From :func:`.summary.summarise`.

    Returns:
        Cells are ``None`` where nothing is to be said. No rows where no baseline was run.
    """
    found = {name: each["equal_cost"] for name, each in report["strategies"].items()}
    names = [name for name in next(iter(found.values()), {}) if name != FRONTIER]
    head = ["strategy", *names, "frontier", "difference", "95 %", "strategy is"]
    rows: list[list[str | None]] = []
    for strategy, equal in found.items() if names else ():
        against = equal[FRONTIER]["against"]
        cells = [None if name == strategy else _bought(equal[name]) for name in names]
        if against is None:
            rows.append([strategy, *cells, None, None, None, None])
            continue
        rows.append(
            [
                strategy,
                *cells,
                figure(equal[FRONTIER]["accuracy"]),
                signed(against["gain"]),
                interval(against["ci95"], plus=True),
                against["verdict"],
            ]
        )
    return head, rows


def _bought(entry: Report) -> str | None:
    """Write what a strategy gains over a baseline of the same price, and how much of it that is."""
    against = entry["against"]
    if against is None:
        return None
    samples = f" ({entry['samples']}{'' if entry['enough'] else '+'})" if "samples" in entry else ""
    return f"{signed(against['gain'])} {against['verdict']}{samples}"


def _equal_cost(report: Report) -> str:
    head, rows = equal_cost_cells(report)
    if not rows:
        return ""
    notes = (
        "A strategy is worth its money where it beats what simple baselines make of the same money. "
        "Columns of baselines: gain over the baseline; in brackets, of how many samples the vote is "
        "that the same money buys, with + where more could be paid for than were drawn. –: the "
        "baseline costs more than the strategy, or is the strategy.",
        "Frontier: the most that any of the baselines, or two of them taken at random, reach at the "
        "strategy's cost. The interval of the difference heeds that costs are uncertain, too. Win and "
        "lose: it excludes zero.",
    )
    written = [[cell or "–" for cell in row] for row in rows]
    return section("At equal cost", table(head, written) + "".join(map(para, notes)))


def _plots(report: Report) -> str:
    found = {
        name: each for name, each in report["strategies"].items() if each["accuracy"] is not None
    }
    if not found:
        return ""
    rows = [
        svg.Row(name, each["accuracy"], "ours", (each["ci95"][0], each["ci95"][1]))
        for name, each in sorted(found.items(), key=lambda item: -item[1]["accuracy"])
    ]
    dots = svg.dot_plot(rows, "Accuracy of strategies with 95 % intervals", "accuracy")
    marks = {"ours": "strategies", "peer": "baselines", "hull": "their frontier"}
    over_cost = figure_of(_over_cost(report, found)) + legend(marks)
    return section(
        "Accuracy and cost", f"<div class='pair'>{figure_of(dots)}<div>{over_cost}</div></div>"
    )


def _over_cost(report: Report, found: Mapping[str, Any]) -> str:
    factor, label = _AXES[report["unit"]]
    spots = []
    for name, each in found.items():
        low, high = each["cost"]["ci95"]
        spots.append(
            Spot(
                name,
                each["cost"]["mean"] * factor,
                each["accuracy"],
                "peer" if name in BASELINES else "ours",
                (low * factor, high * factor),
                (each["ci95"][0], each["ci95"][1]),
            )
        )
    front = report["frontier"] or {"points": {}, "hull": []}
    for name, (cost, accuracy) in front["points"].items():
        if name not in found:
            spots.append(Spot(name, cost * factor, accuracy, "peer", minor=True))
    return drawn(spots, [(cost * factor, accuracy) for cost, accuracy in front["hull"]], label)


def _categories(report: Report) -> str:
    names = list(report["strategies"])
    rows = [
        [category, f"{report['categories'][category]:,}"]
        + [figure(found[name]["accuracy"]) for name in names]
        for category, found in report["per_category"].items()
    ]
    return section("Accuracy by category", table(["category", "tasks", *names], rows))


def _left_out(report: Report) -> str:
    parts = ""
    for key, title in (("ungradeable", "Not gradeable here"), ("failures", "Runs that failed")):
        rows = [[each["category"], str(each["n"]), each["reason"]] for each in report[key]]
        if rows:
            parts += section(title, table(["category", "runs", "why"], rows))
    return parts
