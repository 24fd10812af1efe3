"""An evaluation of experts as one HTML page that needs nothing else.

Made from the plain dictionary of :func:`.summary.summarise` alone, in the style of the router's report.
Whatever comes from the data is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from router.evaluation import svg
from router.evaluation.pieces import (
    VERDICTS,
    dollars,
    figure,
    figure_of,
    interval,
    para,
    section,
    share,
    signed,
    table,
)
from router.evaluation.style import CSS

Report = Mapping[str, Any]


def render(report: Report, *, title: str = "Experts", subtitle: str = "") -> str:
    """Return the page.

    Args:
        report: From :func:`.summary.summarise`.
        title: Of the page.
        subtitle: Such as the name of the file of prompts.
    """
    body = "".join(part(report) for part in (_experts, _pairs, _judges, _categories, _left_out))
    about = f"<p class='sub'>{escape(subtitle)}</p>" if subtitle else ""
    short = "" if report["complete"] else para("Not everything was asked: the budget was used up.")
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{escape(title)}</title><style>{CSS}</style></head><body><main>"
        f"<header><h1>{escape(title)}</h1>{about}{short}</header>{body}"
        f"<footer>{report['n']:,} prompts, {report['repeat']} answers each, "
        f"${report['usd']:.4f}. Means and differences: adjusted Student intervals (95 %); win and "
        "lose: the interval excludes a tie.</footer></main></body></html>\n"
    )


def expert_cells(report: Report) -> tuple[list[str], list[list[str]]]:
    """Return the experts as a table: its head, and a row for each."""
    head = ["expert", "accuracy", "95 %", "prompts", "same again", "missing", "cut", "ungradeable"]
    head += ["$/1000", "tokens", "s"]
    rows = [
        [
            name,
            figure(found["accuracy"]),
            interval(found["ci95"]),
            f"{found['n']:,}",
            share(found["consistency"]["share"]) if found["consistency"] else "–",
            str(found["missing"]),
            str(found["cut"]),
            str(found["ungradeable"]),
            dollars(found["usd"]),
            "–" if found["tokens"] is None else f"{found['tokens']:,.0f}",
            "–" if found["seconds"] is None else f"{found['seconds']:.2f}",
        ]
        for name, found in report["experts"].items()
    ]
    return head, rows


def pair_cells(pairs: Sequence[Report]) -> tuple[list[str], list[list[str]]]:
    """Return pairs of experts on the same prompts as a table."""
    head = ["expert", "against", "difference", "95 %", "won", "tied", "lost", "p", "is"]
    rows = [
        [
            pair["a"],
            pair["b"],
            signed(pair["difference"]),
            interval(pair["ci95"], plus=True),
            str(pair["won"]),
            str(pair["tied"]),
            str(pair["lost"]),
            f"{pair['p_value']:.2g}",
            pair["verdict"],
        ]
        for pair in pairs
    ]
    return head, rows


def judge_cells(report: Report) -> tuple[list[str], list[list[str]]]:
    """Return what judges prefer as a table."""
    head = ["judge", "expert", "against", "preferred", "95 %", "as judged", "first gains", "95 %"]
    head += ["same in both orders", "prompts", "is"]
    rows = [
        [
            name,
            pair["a"],
            pair["b"],
            figure(pair["preferred"]),
            interval(pair["ci95"]),
            figure(pair["as_judged"]),
            signed(pair["position"]),
            interval(pair["position_ci95"], plus=True),
            share(pair["consistent"]["share"]),
            str(pair["n"]),
            pair["verdict"],
        ]
        for name, judge in report["judges"].items()
        for pair in judge["pairs"]
    ]
    return head, rows


def _experts(report: Report) -> str:
    head, rows = expert_cells(report)
    known = {name: each for name, each in report["experts"].items() if each["ci95"]}
    dots = [
        svg.Row(name, each["accuracy"], "ours", (each["ci95"][0], each["ci95"][1]))
        for name, each in sorted(known.items(), key=lambda item: -item[1]["accuracy"])
    ]
    plot = svg.dot_plot(dots, "Accuracy of experts with 95 % intervals", "accuracy") if dots else ""
    note = (
        "Money, tokens written and seconds are means of an answer. Same again: prompts asked more than "
        "once whose answers are all the same. Cut: answers that ended because they were as long as they may be."
    )
    return section("Experts", table(head, rows) + figure_of(plot) + para(note))


def _pairs(report: Report) -> str:
    if not report["pairs"]:
        return ""
    head, rows = pair_cells(report["pairs"])
    meanings = ", ".join(f"{verdict}: {meaning}" for verdict, meaning in VERDICTS.items())
    note = f"On the prompts that both have a score for. p: exact test of McNemar. {meanings}."
    return section("Each against each", table(head, rows) + para(note))


def _judges(report: Report) -> str:
    head, rows = judge_cells(report)
    if not rows:
        return ""
    note = (
        "Preferred: share of prompts, ties one half, without the judge's favour for a place. As judged: "
        "the mean of both orders, which is too near to one half where the judge goes by position. First "
        "gains: how much more an answer is worth to the judge because it is shown first."
    )
    found = report["agreement"]
    agreeing = ""
    if found and found["alpha"] is not None:
        agreeing = para(
            f"Agreement of the judges (Krippendorff's alpha): {figure(found['alpha'])}, "
            f"{interval(found['ci95'])}, {found['n']:,} pairs of answers."
        )
    return section("Judges", table(head, rows) + para(note) + agreeing)


def _categories(report: Report) -> str:
    names = list(report["experts"])
    rows = [
        [category or "–", f"{report['categories'][category]:,}"]
        + [figure(found[name]["accuracy"]) for name in names]
        for category, found in report["per_category"].items()
        if any(found[name]["n"] for name in names)
    ]
    return section("Accuracy by category", table(["category", "prompts", *names], rows)) if rows else ""  # fmt: skip


def _left_out(report: Report) -> str:
    parts = ""
    for key, who, title in (
        ("ungradeable", "prompt", "Not gradeable here"),
        ("failures", "expert", "Asked in vain"),
    ):
        rows = [[each[who], str(each["n"]), each["reason"]] for each in report[key]]
        if rows:
            parts += section(title, table([who, "answers", "why"], rows))
    return parts
