"""Simulations of a memory of models as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from experts.residency.simulation.summary import Run, quantile
from router.evaluation import svg
from router.evaluation.pieces import figure_of, legend, para, section, table
from router.evaluation.style import CSS

_CSS = """
.s0{stroke:var(--other)}.s1{stroke:var(--peer)}.s2{stroke:var(--reference)}.s3{stroke:var(--accent)}
.legend .l0{background:var(--other)}.legend .l1{background:var(--peer)}
.legend .l2{background:var(--reference)}.legend .l3{background:var(--accent)}
.stay{fill:var(--accent)}.stay.unasked{fill:var(--reference)}.stay.loading{fill:var(--other)}
.legend .stay{background:var(--accent)}.legend .unasked{background:var(--reference)}
.legend .loading{background:var(--other)}
"""
_STYLES = ("s0", "s1", "s2", "s3")
_POINTS = 200
_MOST_ROWS = 24


def title_of(order: str, eviction: str) -> str:
    """Return the name of a schedule for people."""
    first = "first come, first served" if order == "fcfs" else "grouped"
    return f"{first}, {'look-ahead' if eviction == 'look-ahead' else 'LRU'}"


def render(report: Mapping[str, Any], runs: Sequence[Run], *, subtitle: str = "") -> str:
    """Return the page.

    Args:
        report: From :func:`.summary.summarise`.
        runs: What it was made from.
        subtitle: Such as the name of the trace.
    """
    machines = dict.fromkeys(run.machine.name for run in runs)
    body = section("Loads and waiting", table(*cells(report)) + para(_note(report)))
    for name in machines:
        mine = [run for run in runs if run.machine.name == name]
        plots = figure_of(_loads(mine)) + figure_of(_waits(mine))
        key = {f"l{place % 4}": title_of(run.order, run.eviction) for place, run in enumerate(mine)}
        body += section(name, f"<div class='pair'>{plots}</div>" + legend(key))
        marks = {"stay": "loaded", "loading": "loading", "unasked": "loaded ahead"}
        about = f"Who was in memory: {title_of(mine[-1].order, mine[-1].eviction)}"
        body += section(f"{name}: {about}", figure_of(_stays(mine[-1])) + legend(marks))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>Local models in memory</title><style>{CSS}{_CSS}</style></head><body><main>"
        f"<header><h1>Local models in memory</h1><p class='sub'>{escape(subtitle)}</p></header>"
        f"{body}<footer>{report['requests']:,} requests, {report['experts']:,} experts, "
        f"{report['bytes'] / 1e9:,.0f} GB.</footer></main></body></html>\n"
    )


def cells(report: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the figures as a table: its head, and a row for each simulation.

    Args:
        report: From :func:`.summary.summarise`.
    """
    several = len({run["machine"] for run in report["runs"]}) > 1
    least = "fewest" if report["same_size"] else "at least"
    head = ["schedule", "loads", least, "ratio", "ahead", "s a load"]
    head += ["s loading", "wait", "p50", "p99", "longest", "late", "s in all"]
    if several:
        head = ["machine", *head[:6], "gain", *head[6:]]
    rows = []
    for run in report["runs"]:
        row = [
            title_of(run["order"], run["eviction"]),
            f"{run['loads']:,}",
            f"{run['fewest']:,}",
            f"{run['loads'] / run['fewest']:.2f}",
            f"{run['unasked']:,}",
            f"{run['seconds_per_load']:.3f}",
            f"{run['load_seconds']:,.0f}",
            f"{run['wait_mean']:,.1f}",
            f"{run['wait_p50']:,.1f}",
            f"{run['wait_p99']:,.1f}",
            f"{run['wait_max']:,.1f}",
            f"{run['late']:,}",
            f"{run['seconds']:,.0f}",
        ]
        if several:
            gain = f"{run['switching_gain']:.1f}x" if run["switching_gain"] else "-"
            row = [run["machine"], *row[:6], gain, *row[6:]]
        rows.append(row)
    return head, rows


def _note(report: Mapping[str, Any]) -> str:
    return (
        "Waits are from arrival to the start of an answer, in seconds; late are those over "
        f"{report['max_wait']:g} s. Fewest: had all that was to come been known, for requests in the "
        "same order. Ahead: loaded before anybody asked."
    )


def _loads(runs: Sequence[Run]) -> str:
    ends = max(run.outcome.ends for run in runs) or 1.0
    most = max(run.outcome.loads for run in runs) or 1
    plot = svg.Plot((0.0, ends), (0.0, most * 1.05), "seconds", "loads so far", "Loads over time")
    for place, run in enumerate(runs):
        begins = [stay.begins for stay in run.outcome.stays]
        step = max(len(begins) // _POINTS, 1)
        points = [(at, float(number)) for number, at in enumerate(begins, start=1)][::step]
        plot.line([(0.0, 0.0), *points, (run.outcome.ends, float(len(begins)))], _STYLES[place % 4])
    return plot.render()


def _waits(runs: Sequence[Run]) -> str:
    longest = max(max(run.outcome.waits) for run in runs) or 1.0
    plot = svg.Plot(
        (0.0, longest), (0.0, 1.02), "seconds", "share that waited no longer", "Waiting"
    )
    for place, run in enumerate(runs):
        waits = sorted(run.outcome.waits)
        points = [
            (quantile(waits, number / _POINTS), number / _POINTS) for number in range(_POINTS + 1)
        ]
        plot.line([*points, (longest, 1.0)], _STYLES[place % 4])
    return plot.render()


def _stays(run: Run) -> str:
    """Draw when each model was in memory, those that were used most at the top."""
    stays = run.outcome.stays
    seconds: dict[str, float] = {}
    for stay in stays:
        seconds[stay.model] = seconds.get(stay.model, 0.0) + stay.ends - stay.begins
    names = sorted(seconds, key=lambda name: (-seconds[name], name))[:_MOST_ROWS]
    left, right, step = 110.0, svg.WIDTH - 8.0, 16
    scale = svg.Scale(0.0, run.outcome.ends or 1.0, left, right)
    parts = []
    for row, name in enumerate(names):
        y = row * step + 4
        parts.append(
            f'<text class="label" x="{left - 6}" y="{y + 10}" text-anchor="end">'
            f"{escape(svg.shorten(name, 15))}</text>"
        )
        for stay in stays:
            if stay.model == name:
                kind = "stay" if stay.asked else "stay unasked"
                parts.append(_bar(scale, y, stay.ready, stay.ends, kind))
                parts.append(_bar(scale, y, stay.begins, stay.ready, "stay loading"))
    bottom = len(names) * step + 4
    parts += [
        f'<text class="tick" x="{scale(tick):.1f}" y="{bottom + 14}" text-anchor="middle">'
        f"{svg.number(tick)}</text>"
        for tick in svg.ticks(0.0, run.outcome.ends or 1.0)
    ]
    return svg.frame(bottom + 20, "When each model was in memory", parts)


def _bar(scale: svg.Scale, y: float, begins: float, ends: float, style: str) -> str:
    wide = max(scale(ends) - scale(begins), 0.3)
    return f'<rect class="{style}" x="{scale(begins):.1f}" y="{y}" width="{wide:.1f}" height="11"/>'
