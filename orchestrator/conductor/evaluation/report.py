"""An evaluation of strategies as one HTML page that needs nothing else.

Made from the plain dictionary of :func:`.summary.summarise` alone, in the style of the router's report.
Whatever comes from the data is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from router.evaluation import svg
from router.evaluation.pieces import (
    billions,
    dollars,
    figure,
    figure_of,
    interval,
    para,
    section,
    signed,
    table,
)
from router.evaluation.style import CSS

Report = Mapping[str, Any]
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


def _equal_cost(report: Report) -> str:
    rows = []
    for name, found in report["strategies"].items():
        equal = found["equal_cost"]
        if equal is None:
            continue
        against = equal["against"] or {}
        rows.append(
            [
                name,
                figure(found["accuracy"]),
                f"{equal['samples']}{'' if equal['enough'] else ' (all drawn)'}",
                figure(equal["accuracy"]),
                signed(against.get("gain")),
                interval(against.get("ci95"), plus=True),
                _VERDICTS.get(against.get("verdict", ""), "–"),
            ]
        )
    if not rows:
        return ""
    head = ["strategy", "accuracy", "samples the same money buys", "their vote", "difference"]
    head += ["95 % interval", "strategy is"]
    note = (
        "A strategy is worth its money where it beats a vote of as many samples of one expert as "
    )
    note += "the same money buys. “All drawn”: more could be paid for than were drawn, so the vote "
    note += "is the weaker side; draw more. 0: the strategy costs less than one sample."
    return section("At equal cost", table(head, rows) + para(note))


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
    drawn = svg.dot_plot(rows, "Accuracy of strategies with 95 % intervals", "accuracy")
    unit, label = ("usd", "US dollars per 1,000 tasks")
    if not any(each["usd"] for each in found.values()):
        unit, label = "tokens", "thousands of tokens per 1,000 tasks"
    factor = 1000.0 if unit == "usd" else 1.0
    places = {name: (each[unit] * factor, each["accuracy"]) for name, each in found.items()}
    plot = svg.Plot(
        svg.padded([0.0, *(x for x, _ in places.values())]),
        svg.padded([y for _, y in places.values()]),
        label,
        "accuracy",
        "Accuracy over cost",
    )
    for name, at in places.items():
        plot.dot(at, "ours", f"{name}: {at[1]:.3f} at {at[0]:.3g}")
    for name, at in places.items():
        plot.label(at, name)
    pair = f"<div class='pair'>{figure_of(drawn)}{figure_of(plot.render())}</div>"
    return section("Accuracy and cost", pair)


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
