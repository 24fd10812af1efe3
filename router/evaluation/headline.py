"""The tiles at the top of the report: what a reader in a hurry wants to know."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from router.evaluation import plots
from router.evaluation.pieces import VERDICTS, figure, interval, signed

Report = Mapping[str, Any]
Tile = tuple[str, str, str]
"""What it is, the figure, and a note."""


def headline(report: Report) -> str:
    """Return the tiles."""
    tiles: list[Tile] = [("prompts", f"{report['n']:,}", "")]
    name = plots.leading_policy(report)
    best = report.get("best_single") or {}
    if name is not None and report["policies"][name]["quality"] is not None:
        found = report["policies"][name]
        low, high = found["ci95"]
        tiles += [
            (
                f"quality, policy {name}",
                figure(found["quality"]),
                interval(found.get("quality_ci95")),
            ),
            (
                "gain over the best single expert",
                signed(found["gain"]),
                f"{signed(low)} to {signed(high)}: {VERDICTS[found['verdict']]}",
            ),
        ]
    if best.get("quality") is not None:
        tiles.append(("best single expert", figure(best["quality"]), str(best["expert"])))
    tiles += _rest(report)
    cells = "".join(
        f"<div class='tile'><div class='what'>{escape(what)}</div><div class='value'>{escape(value)}"
        f"</div><div class='note'>{escape(note)}</div></div>"
        for what, value, note in tiles
    )
    return f"<section class='tiles'>{cells}</section>"


def _rest(report: Report) -> list[Tile]:
    tiles: list[Tile] = []
    summary = (report.get("frontiers") or {}).get("active_parameters")
    if summary and summary["at_best_single"] is not None:
        saved = summary["cost_save"]
        note = f"{saved:.0%} fewer than the best single expert" if saved is not None else ""
        tiles.append(
            ("active parameters for its quality", f"{summary['at_best_single']:.1f} B", note)
        )
    if report.get("category_accuracy") is not None:
        note = interval(report.get("category_accuracy_ci95"))
        tiles.append(("category found", figure(report["category_accuracy"]), note))
    if report.get("apgr") is not None:
        note = interval((report.get("two_experts") or {}).get("apgr_ci95"))
        tiles.append(("APGR", figure(report["apgr"]), note))
    if report.get("oos"):
        tiles.append(
            (
                "out-of-scope AUROC",
                figure(report["oos"]["auroc"]),
                f"FPR at 95 % TPR: {figure(report['oos']['fpr_at_95_tpr'])}",
            )
        )
    if report.get("robustness") and report["robustness"]["unchanged"] is not None:
        tiles.append(
            (
                "decisions unchanged",
                f"{report['robustness']['unchanged']:.1%}",
                "under surface changes of the prompt",
            )
        )
    if report.get("decide_us"):
        spent = report["decide_us"]
        tiles.append(("time of a decision", f"{spent['p50']:.0f} µs", _p99(spent)))
    return tiles


def _p99(spent: Mapping[str, float]) -> str:
    note = f"p99 {spent['p99']:.0f} µs"
    if "processor_p50" in spent:
        note += f"; of the processor {spent['processor_p50']:.0f} and {spent['processor_p99']:.0f}"
    return note
