"""The plots of the report, from parts of an evaluation's dictionary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.evaluation import svg

AXES = {
    "active_parameters": "active parameters",
    "cost": "US dollars",
    "strong_share": "calls to the stronger expert",
}
_AXIS_LABELS = {
    "active_parameters": "average active parameters (billions)",
    "cost": "US dollars per 1,000 requests",
    "strong_share": "share of calls to the stronger expert",
}
_SCALE = {"active_parameters": 1.0, "cost": 1000.0, "strong_share": 1.0}
MOST_ROWS = 34
"""Rows of the dot plot; of more experts the best are shown."""
_FAR_BEHIND = -0.05

Report = Mapping[str, Any]


def leading_policy(report: Report) -> str | None:
    """Return the policy shown where there is room for one: ``quality``, else the first."""
    policies = report.get("policies") or {}
    return "quality" if "quality" in policies else next(iter(policies), None)


def amount(axis: str, value: float | None) -> str:
    """Write an average cost."""
    if value is None:
        return "not reached"
    if axis == "cost":
        return f"${value * 1000:.3g} per 1,000"
    return f"{value:.1f} B" if axis == "active_parameters" else f"{value:.1%}"


def ladder(report: Report) -> str:
    """Everything that answers the prompts, by quality, with intervals where there are any."""
    rows = []
    for label, key in (("random expert", "random"), ("perfect categories", "perfect_category")):
        if report.get(key) is not None:
            rows.append(svg.Row(label, report[key], "reference"))
    if report.get("oracle") is not None:
        rows.append(svg.Row("oracle", report["oracle"], "reference"))
    for name, found in (report.get("policies") or {}).items():
        if found["quality"] is not None:
            rows.append(svg.Row(f"policy {name}", found["quality"], "ours"))
    for name, found in (report.get("baselines") or {}).items():
        if found["quality"] is not None:
            rows.append(svg.Row(name, found["quality"], "peer"))
    experts = sorted(
        (
            svg.Row(name, each["quality"], "expert")
            for name, each in (report.get("experts") or {}).items()
            if each["quality"] is not None
        ),
        key=lambda row: -row.value,
    )
    rows += experts[: max(MOST_ROWS - len(rows), 1)]
    if not experts:
        return ""
    ordered = sorted(rows, key=lambda row: -row.value)
    return svg.dot_plot(ordered, "Quality of the router, its peers and the experts", "quality")


def gains(report: Report) -> str:
    """What policies and peers gain over the best single expert, with intervals.

    Peers far behind would only squeeze the scale; they are in the other plot.
    """
    rows = []
    for prefix, style, key in (("policy ", "ours", "policies"), ("", "peer", "baselines")):
        for name, found in (report.get(key) or {}).items():
            if found["gain"] is not None and (style == "ours" or found["gain"] > _FAR_BEHIND):
                rows.append(svg.Row(prefix + name, found["gain"], style, _pair(found["ci95"])))
    if not rows:
        return ""
    ordered = sorted(rows, key=lambda row: -row.value)[:MOST_ROWS]
    return svg.dot_plot(
        ordered,
        "Gain over the best single expert, with 95 % intervals",
        "gain over the best single expert",
        zero=True,
    )


def frontier(report: Report, axis: str) -> str:
    """The cost-quality frontier with the single experts, the policies and the oracle in it."""
    found, factor = report["frontiers"][axis], _SCALE[axis]
    curve = [
        (point[axis] * factor, point["quality"])
        for point in found["points"]
        if point["quality"] is not None
    ]
    hull = [(x * factor, y) for x, y in found["hull"]]
    singles = _placed(report.get("experts") or {}, axis)
    policies = _placed(report.get("policies") or {}, axis)
    oracle = (report.get("oracle_spends") or {}).get(axis)
    peak = [(oracle * factor, report["oracle"])] if oracle is not None else []
    everything = [*curve, *hull, *(at for _, at in [*singles, *policies]), *peak]
    plot = svg.Plot(
        svg.padded([x for x, _ in everything] + [0.0]),
        svg.padded([y for _, y in everything]),
        _AXIS_LABELS[axis],
        "quality",
        f"Quality over {AXES[axis]}",
        height=380,
    )
    for name, at in singles:
        plot.dot(at, "expert", f"{name}: {at[1]:.3f} at {at[0]:.3g}")
    plot.line([*hull, (max(x for x, _ in everything), hull[-1][1])], "hull")
    plot.line(curve, "curve")
    for at in curve:
        plot.dot(at, "ours", f"{at[1]:.3f} at {at[0]:.3g}", 2.5)
    for name, at in policies:
        plot.dot(at, "policy", f"{name}: {at[1]:.3f} at {at[0]:.3g}")
    for at in peak:
        plot.dot(at, "reference", f"oracle: {at[1]:.3f} at {at[0]:.3g}", 5.5)
        plot.label(at, "oracle", "label strong")
    for name, at in policies:
        plot.label(at, name, "label strong")
    for name, at in sorted(singles, key=lambda item: -item[1][1]):
        plot.label(at, svg.shorten(name, 20), "label muted")
    return plot.render()


def two_experts(found: Mapping[str, Any]) -> str:
    """Quality over the share of calls to the stronger expert, and what chance would give."""
    curve = [(point["share"], point["quality"]) for point in found["curve"]]
    plot = svg.Plot(
        (0.0, 1.0),
        svg.padded([y for _, y in curve]),
        f"share of calls to {svg.shorten(found['strong'], 40)}",
        "quality",
        "Quality over the share of calls to the stronger expert",
    )
    plot.line([curve[0], curve[-1]], "guide")
    plot.line(curve, "curve")
    return plot.render()


def confusion(found: Mapping[str, Any]) -> str:
    """The confusion matrix."""
    return svg.heat_map(found["labels"], found["counts"], "Confusion of categories")


def reliability(table: Sequence[Mapping[str, Any]]) -> str:
    """Accuracy over confidence; the area of a dot is the number of prompts."""
    plot = svg.Plot(
        (0.0, 1.0), (0.0, 1.0), "confidence", "share found right", "Reliability of confidence"
    )
    plot.line([(0.0, 0.0), (1.0, 1.0)], "guide")
    most = max(each["n"] for each in table)
    plot.line([(each["confidence"], each["accuracy"]) for each in table], "curve")
    for each in table:
        hint = f"{each['accuracy']:.3f} right at confidence {each['confidence']:.3f}, n={each['n']}"
        plot.dot(
            (each["confidence"], each["accuracy"]), "ours", hint, 2 + 6 * (each["n"] / most) ** 0.5
        )
    return plot.render()


def risk_coverage(curve: Mapping[str, Any]) -> str:
    """Share of errors among the prompts that are not abstained from."""
    points = [(x, y) for x, y in curve["points"]]
    plot = svg.Plot(
        (0.0, 1.0),
        (0.0, max(max(y for _, y in points) * 1.1, 0.01)),
        "share of prompts kept, the surest first",
        "share of errors",
        "Risk over coverage",
    )
    plot.line(points, "curve")
    return plot.render()


def robustness(found: Mapping[str, Any]) -> str:
    """Share of decisions unchanged under each perturbation."""
    rows = [(name.replace("_", " "), value) for name, value in found["kinds"].items()]
    return svg.bars(rows, "Share of decisions unchanged")


def _placed(entries: Mapping[str, Any], axis: str) -> list[tuple[str, svg.Pair]]:
    return [
        (name, (each[axis] * _SCALE[axis], each["quality"]))
        for name, each in entries.items()
        if each.get(axis) is not None and each["quality"] is not None
    ]


def _pair(ends: Sequence[float | None]) -> svg.Pair | None:
    low, high = ends
    return None if low is None or high is None else (low, high)
