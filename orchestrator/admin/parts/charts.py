"""Charts in the theme's colours: options of ECharts, as pure functions, and drawing them.

They are drawn as SVG, so that colours can be the style sheet's variables and follow the theme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from orchestrator.admin.parts.markup import draw, tag

COLORS = tuple(f"var(--c{number})" for number in range(1, 9))
Options = dict[str, Any]
Point = tuple[Any, float | None]
_FONT = "Inter, Roboto, system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', sans-serif"
"""That of the style sheet: room for texts is measured before they are on the page."""
_TEXT = {"color": "var(--soft)", "fontFamily": _FONT, "fontSize": 12}
_LINE = {"lineStyle": {"color": "var(--line)"}}
_COMPACT = "Intl.NumberFormat('en', {notation: 'compact'}).format(v)"
_DOLLARS = f"v => '$' + (Math.abs(v) >= 1e4 ? {_COMPACT} : v % 1 && +v.toFixed(2) === v ? v.toFixed(2) : v)"
_PER_CENT = "v => +(100 * v).toFixed(1) + ' %'"
_COUNT = f"v => Math.abs(v) >= 1e4 ? {_COMPACT} : v"


def series_over_time(
    series: Mapping[str, Sequence[Point]],
    *,
    unit: str = "",
    stacked: bool = False,
    bars: bool = False,
) -> Options:
    """Return lines (or bars, or areas on top of each other) over time.

    Args:
        series: Points by name: moment (ISO 8601 or milliseconds) and value; ``None`` is a gap.
        unit: What values are followed by, such as ``s``; ``$`` comes before, ``share`` shows shares of one as per cent.
        stacked: Whether they are put on top of each other.
        bars: Whether they are bars.
    """
    drawn = [
        {
            "name": name,
            "type": "bar" if bars else "line",
            "data": [list(point) for point in points],
            "showSymbol": len(points) == 1,
            "symbolSize": 5,
            "barMaxWidth": 22,
            "lineStyle": {"width": 2},
            "emphasis": {"focus": "none", "disabled": True},
            **({"stack": "all"} if stacked else {}),
            **({"areaStyle": {"opacity": 0.18}} if stacked and not bars else {}),
        }
        for name, points in series.items()
    ]
    return {
        **_common(len(series)),
        "xAxis": {
            "type": "time",
            "axisLabel": {**_TEXT, "hideOverlap": True},
            "axisLine": _LINE,
            "axisTick": {"show": False},
        },
        "yAxis": _value_axis(unit),
        "series": drawn,
    }


def bars(values: Mapping[str, float], *, unit: str = "", highlight: Sequence[str] = ()) -> Options:
    """Return horizontal bars, the first on top.

    Args:
        values: By name.
        unit: As in :func:`series_over_time`.
        highlight: Names that are drawn in the first colour, the others being grey; empty: all are.
    """
    data = [
        {
            "value": value,
            "itemStyle": {
                "color": COLORS[0] if not highlight or name in highlight else "var(--line-strong)"
            },
        }
        for name, value in values.items()
    ]
    return {
        **_common(1),
        "grid": {"left": 8, "right": 24, "top": 8, "bottom": 8, "containLabel": True},
        "xAxis": _value_axis(unit),
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": list(values),
            "axisLabel": {**_TEXT, "width": 150, "overflow": "truncate"},
            "axisLine": {"show": False},
            "axisTick": {"show": False},
        },
        "series": [
            {
                "type": "bar",
                "data": data,
                "barMaxWidth": 16,
                "emphasis": {"disabled": True},
                "itemStyle": {"borderRadius": 3},
            }
        ],
    }


def curve(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    x: str,
    y: str,
    units: tuple[str, str] = ("", ""),
    points: bool = False,
    steps: bool = False,
) -> Options:
    """Return curves, or points, over a number.

    Args:
        series: Pairs by name.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        units: Of both, as in :func:`series_over_time`.
        points: Whether only points are drawn.
        steps: Whether values hold until the next.
    """
    drawn = [
        {
            "name": name,
            "type": "scatter" if points else "line",
            "data": [list(pair) for pair in pairs],
            "showSymbol": points or len(pairs) < 40,
            "symbolSize": 7,
            "lineStyle": {"width": 2},
            "emphasis": {"disabled": True},
            **({"step": "end"} if steps else {}),
        }
        for name, pairs in series.items()
    ]
    return {
        **_common(len(series)),
        "grid": {
            "left": 16,
            "right": 24,
            "top": 28 if len(series) < 2 else 58,
            "bottom": 28,
            "containLabel": True,
        },
        "xAxis": {
            **_value_axis(units[0]),
            "name": x,
            "nameLocation": "middle",
            "nameGap": 28,
            "nameTextStyle": _TEXT,
            "scale": True,
        },
        "yAxis": {
            **_value_axis(units[1]),
            "name": y,
            "nameTextStyle": {**_TEXT, "align": "left"},
            "scale": True,
        },
        "series": drawn,
    }


def chart(options: Options, name: str, *, height: int = 240) -> ui.echart:
    """Draw a chart.

    Args:
        options: Of ECharts.
        name: What it shows, for those who do not see it.
        height: In pixels.
    """
    drawn = ui.echart(options, renderer="svg").style(f"height: {height}px")
    drawn.props(f'role="img" aria-label="{name}"')
    return drawn


def legend(names: Sequence[str]) -> None:
    """Draw which colour means what, where a chart's own legend has no room."""
    keys = [
        tag(
            "span",
            tag(
                "i",
                style=f"background:{color};width:10px;height:10px;border-radius:3px;display:inline-block",
            ),
            " ",
            name,
        )
        for name, color in zip(names, COLORS * 8, strict=False)
    ]
    draw(tag("div", keys, class_="line small soft"))


def _common(number: int) -> Options:
    return {
        "color": list(COLORS),
        "animation": False,
        "textStyle": {"fontFamily": _FONT},
        "grid": {
            "left": 8,
            "right": 16,
            "top": 36 if number > 1 else 16,
            "bottom": 8,
            "containLabel": True,
        },
        "legend": {
            "show": number > 1,
            "top": 0,
            "left": 0,
            "icon": "roundRect",
            "itemWidth": 10,
            "itemHeight": 10,
            "type": "scroll",
            "textStyle": _TEXT,
            "pageTextStyle": _TEXT,
        },
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "backgroundColor": "var(--raised)",
            "borderColor": "var(--line)",
            "textStyle": {"color": "var(--text)", "fontSize": 12},
            "axisPointer": {"lineStyle": {"color": "var(--line-strong)"}},
        },
    }


def _value_axis(unit: str) -> Options:
    own = {"$": _DOLLARS, "share": _PER_CENT, "": _COUNT}.get(unit)
    label = {":formatter": own} if own else {"formatter": f"{{value}} {unit}"}
    return {
        "type": "value",
        "axisLabel": {**_TEXT, **label, "hideOverlap": True},
        "axisTick": {"show": False},
        "splitLine": _LINE,
        "axisLine": {"show": False},
        "splitNumber": 4,
    }
