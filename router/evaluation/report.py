"""The evaluation as one HTML page that needs nothing else: no scripts, no fonts, no images.

Made from the plain dictionary of :func:`router.evaluation.evaluate` alone, so that a stored result
can be shown again. Light and dark follow the reader's system. Everything that comes from the data
(names of experts, categories, prompts) is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from router.evaluation import plots
from router.evaluation.headline import headline
from router.evaluation.pieces import (
    VERDICTS,
    billions,
    dollars,
    figure,
    figure_of,
    interval,
    legend,
    para,
    section,
    share,
    signed,
    table,
)
from router.evaluation.style import CSS
from router.evaluation.svg import shorten

Report = Mapping[str, Any]
MOST_CONFUSED = 12
"""Pairs listed where there are too many categories for a heat map."""
MOST_CATEGORIES = 24
"""The largest confusion matrix drawn."""


def render(report: Report, *, title: str = "Router evaluation", subtitle: str = "") -> str:
    """Return the page.

    Args:
        report: From :func:`router.evaluation.evaluate`; of :func:`router.evaluation.compare`
            under the key ``comparison`` where there is one.
        title: Of the page.
        subtitle: Such as the router's version and the name of the data set.
    """
    parts: Sequence[Callable[[Report], str]] = (
        headline,
        _policies,
        _comparison,
        _ladder,
        _peers,
        _frontier,
        _two_experts,
        _categories,
        _confusion,
        _trust,
        _robustness,
        _attack,
        _experts,
    )
    body = "".join(part(report) for part in parts)
    about = f"<p class='sub'>{escape(subtitle)}</p>" if subtitle else ""
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>"
        f"<header><h1>{escape(title)}</h1>{about}</header>{body}{_footer(report)}"
        "</main></body></html>\n"
    )


def _policies(report: Report) -> str:
    rows = [
        [
            name,
            figure(found["quality"]),
            signed(found["gain"]),
            interval(found["ci95"], plus=True),
            VERDICTS[found["verdict"]],
            share(found["gap_at_oracle"]),
            billions(found["active_parameters"]),
            dollars(found["cost"]),
            figure(found["routerarena"]),
        ]
        for name, found in (report.get("policies") or {}).items()
        if found["quality"] is not None
    ]
    head = ["policy", "quality", "gain", "95 % interval", "against best single", "Gap@O"]
    head += ["active", "$ per 1,000", "RouterArena"]
    note = (
        "Gain is the mean difference to the best single expert on the same prompts; its interval "
    )
    note += "is a paired bootstrap. Gap@O is the share of the oracle's quality that is missing."
    return section("Policies", table(head, rows) + para(note)) if rows else ""


def _comparison(report: Report) -> str:
    found = report.get("comparison")
    if not found:
        return ""
    entries = dict(found["policies"])
    if found.get("category_accuracy"):
        entries["category found"] = found["category_accuracy"]
    rows = [
        [
            name,
            figure(each["current"]),
            figure(each["candidate"]),
            signed(each["difference"]),
            interval(each["ci95"], plus=True),
            VERDICTS[each["verdict"]],
            share(each.get("changed")),
        ]
        for name, each in entries.items()
    ]
    head = ["", "current", "candidate", "difference", "95 % interval", "candidate is", "changed"]
    return section("Against the current version", table(head, rows))


def _ladder(report: Report) -> str:
    drawn = plots.ladder(report)
    if not drawn:
        return ""
    source = "the training prompts"
    if report.get("perfect_category_from") != "training":
        source = "these very prompts, which flatters it"
    note = f"Perfect categories: the best expert of each true category, chosen on {source}. "
    note += "The second plot has gains with their intervals: one that touches zero may be luck."
    key = {"ours": "this router, by policy", "expert": "single experts", "reference": "references"}
    if report.get("baselines"):
        key["peer"] = "peers' methods, re-implemented"
    both = f"<div class='pair'>{figure_of(drawn)}{figure_of(plots.gains(report))}</div>"
    return section("Where it stands", both + legend(key) + para(note))


def _peers(report: Report) -> str:
    entries = {
        name: each for name, each in (report.get("baselines") or {}).items() if each.get("against")
    }
    leading = plots.leading_policy(report)
    if not entries or leading is None:
        return ""
    rows = []
    for name, each in entries.items():
        gap = each["against"].get(leading) or {}
        rows.append(
            [
                name,
                figure(each["quality"]),
                signed(each["gain"]),
                interval(each["ci95"], plus=True),
                signed(gap.get("difference")),
                interval(gap.get("ci95"), plus=True),
                VERDICTS.get(gap.get("verdict", ""), "–"),
                billions(each["active_parameters"]),
                dollars(each["cost"]),
            ]
        )
    head = [
        "method",
        "quality",
        "gain",
        "95 % interval",
        f"policy {leading} less it",
        "95 % interval",
    ]
    head += ["which is", "active", "$ per 1,000"]
    note = (
        "Peers' methods, re-implemented and fitted on the router's training prompts with the same "
    )
    note += "embedder. Every difference is paired: taken prompt by prompt."
    return section("Against peers' methods", table(head, rows) + para(note))


def _frontier(report: Report) -> str:
    found = report.get("frontiers") or {}
    if not found:
        return ""
    drawn = "".join(figure_of(plots.frontier(report, axis)) for axis in found)
    rows = [
        [
            plots.AXES[axis],
            figure(each["aiq"]),
            share(each["perf_gain"], plus=True),
            plots.amount(axis, each["at_best_single"]),
            share(each["cost_save"]),
        ]
        for axis, each in found.items()
    ]
    left_out = {name for each in found.values() for name in each.get("without") or ()}
    note = f"Not placed, as their cost is not known: {', '.join(sorted(left_out))}."
    head = ["cost", "AIQ", "PerfGain", "needed for the best single's quality", "CostSave"]
    key = {
        "ours": "this router at a weight on cost",
        "policy": "its policies",
        "hull": "by mixing two weights",
        "expert": "single experts",
        "reference": "oracle",
    }
    return section(
        "Quality at every budget",
        f"<div class='pair'>{drawn}</div>"
        + legend(key)
        + table(head, rows)
        + (para(note) if left_out else ""),
    )


def _two_experts(report: Report) -> str:
    found = report.get("two_experts")
    if not found:
        return ""
    rows = [
        [f"CPT({percent})", share(value)]
        for percent, value in sorted(found["cpt"].items(), key=lambda item: float(item[0]))
    ]
    rows = [["APGR", f"{figure(found['apgr'])} ({interval(found['apgr_ci95'])})"], *rows]
    drawn = figure_of(plots.two_experts(found))
    return section("Two experts", f"<div class='pair'>{drawn}{table(['', ''], rows)}</div>")


def _categories(report: Report) -> str:
    entries = report.get("per_category") or []
    if not entries:
        return ""
    name = plots.leading_policy(report)
    rows = []
    for entry in entries:
        own = entry["policies"].get(name) or {}
        rows.append(
            [
                entry["category"],
                f"{entry['n']:,}",
                share(entry.get("recall")),
                share(entry.get("precision")),
                figure(own.get("quality")),
                signed(own.get("gain")),
                interval(own.get("ci95"), plus=True),
                figure(entry.get("best_quality")),
                shorten(entry.get("best_expert") or "–", 28),
            ]
        )
    head = ["category", "n", "found", "precision", "quality", "gain", "95 % interval"]
    head += ["best expert's", "best expert"]
    note = f"Quality and gain are those of the policy {name}. " if name else ""
    note += "The best expert of a category is chosen on these very prompts."
    return section("Categories", table(head, rows) + para(note))


def _confusion(report: Report) -> str:
    found = report.get("confusion")
    if not found:
        return ""
    if len(found["labels"]) <= MOST_CATEGORIES:
        drawn = figure_of(plots.confusion(found))
        return section(
            "Which category was taken for which",
            f"<div class='single wide'>{drawn}</div>" + para("Rows: true. Columns: found."),
        )
    pairs = sorted(
        (
            (count, found["labels"][row], found["labels"][column])
            for row, counts in enumerate(found["counts"])
            for column, count in enumerate(counts)
            if count and row != column
        ),
        reverse=True,
    )[:MOST_CONFUSED]
    rows = [[true, taken, str(count)] for count, true, taken in pairs]
    return section("Most confused categories", table(["true", "taken for", "prompts"], rows))


def _trust(report: Report) -> str:
    drawn = []
    if report.get("reliability"):
        note = f"Expected calibration error {figure(report['ece'])} "
        note += (
            f"(equally filled bins: {figure(report['ece_adaptive'])}), n = {report['labelled']:,}."
        )
        drawn.append(figure_of(plots.reliability(report["reliability"])) + para(note))
    curve = report.get("risk_coverage")
    if curve:
        note = f"Area under the curve {figure(curve['area'])}, n = {curve['n']:,}. Prompts out of "
        note += "scope count as errors unless abstained from."
        drawn.append(figure_of(plots.risk_coverage(curve)) + para(note))
    cells = "".join(f"<div>{each}</div>" for each in drawn)
    return (
        section("Does it know when it does not know?", f"<div class='pair'>{cells}</div>")
        if drawn
        else ""
    )


def _robustness(report: Report) -> str:
    found = report.get("robustness")
    if not found or found["unchanged"] is None:
        return ""
    low, high = found["ci95"]
    note = f"{found['unchanged']:.1%} of decisions stay the same ({low:.1%} to {high:.1%}), "
    note += f"n = {found['n']:,} prompts under each change."
    drawn = figure_of(plots.robustness(found))
    rows = [
        ["category found" if name == "category" else f"policy {name}", share(value)]
        for name, value in (found.get("policies") or {}).items()
    ]
    beside = table(["decision", "unchanged"], rows) if rows else ""
    return section("Robustness", f"<div class='pair'>{drawn}<div>{beside}</div></div>" + para(note))


def _attack(report: Report) -> str:
    found = report.get("attack")
    if not found:
        return ""
    forced = found.get("expensive") or "the expensive expert"
    under = f", policy {found['policy']}" if found.get("policy") else ""
    rows = [
        ["to be forced", f"{forced}{under}"],
        ["prefix found", repr(found["prefix"]) if found["prefix"] else "none that helps"],
        ["share of prompts it gets", share(found["share_before"])],
        ["share with the prefix", share(found["share_after"])],
        ["other decisions turned to it", f"{share(found['success_rate'])} of {found['n']:,}"],
        ["searched on", f"{found['searched']:,} other prompts, {found['queries']:,} queries"],
    ]
    return section("Confounder attack", table(["", ""], rows))


def _experts(report: Report) -> str:
    rows = [
        [
            name,
            figure(each["quality"]),
            f"{each['n']:,}",
            billions(each["active_parameters"]),
            dollars(each["cost"]),
            figure(each.get("routerarena")),
        ]
        for name, each in sorted(
            (report.get("experts") or {}).items(), key=lambda item: -(item[1]["quality"] or 0.0)
        )
    ]
    head = ["expert", "quality", "n", "active", "$ per 1,000", "RouterArena"]
    return section("Experts", table(head, rows)) if rows else ""


def _footer(report: Report) -> str:
    return (
        f"<footer>{report['n']:,} prompts, {report.get('experts_n', 0)} experts, "
        f"{share(report.get('measured'))} of scores measured. Intervals: percentile bootstrap, "
        f"{report.get('draws', 0):,} resamples, seed {report.get('seed', 0)}.</footer>"
    )
