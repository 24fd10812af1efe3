"""Bars on a logarithmic scale, as an SVG: enough for a benchmark, without a library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1")
_BAR, _GAP, _LEFT, _WIDTH, _TOP = 14, 12, 190, 560, 64


def bars(title: str, unit: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """Return a picture with a group of bars for each load.

    Args:
        title: What is shown.
        unit: Of the values.
        groups: Values above zero by load, and by what was measured; the same names in each.
    """
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    values = [value for group in groups.values() for value in group.values() if value > 0]
    low = 10.0 ** math.floor(math.log10(min(values)))
    high = 10.0 ** math.ceil(math.log10(max(values) * 1.0001))
    scale = _WIDTH / math.log10(high / low)
    height = _TOP + sum(len(group) * _BAR + _GAP for group in groups.values()) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 90}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="18" font-size="14">{escape(title)} ({escape(unit)}, logarithmic)</text>',
        *_legend(names),
        *_grid(low, high, scale, height),
    ]
    y = _TOP
    for load, group in groups.items():
        middle = y + len(group) * _BAR / 2 + 4
        parts.append(f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">{escape(load)}</text>')
        for name, value in group.items():
            width = math.log10(max(value, low) / low) * scale
            colour = _COLOURS[names.index(name) % len(_COLOURS)]
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" fill="{colour}"/>'
                f'<text x="{_LEFT + width + 4:.1f}" y="{y + 10}">{value:,.4g}</text>'
            )
            y += _BAR
        y += _GAP
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(names: Sequence[str]) -> list[str]:
    return [
        f'<rect x="{_LEFT + 110 * number}" y="30" width="12" height="12" fill="{colour}"/>'
        f'<text x="{_LEFT + 110 * number + 17}" y="40">{escape(name)}</text>'
        for number, (name, colour) in enumerate(zip(names, _COLOURS, strict=False))
    ]


def _grid(low: float, high: float, scale: float, height: int) -> list[str]:
    lines = []
    for power in range(round(math.log10(high / low)) + 1):
        x = _LEFT + power * scale
        lines.append(
            f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{height - 18}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{height - 6}" text-anchor="middle">{low * 10**power:g}</text>'
        )
    return lines
