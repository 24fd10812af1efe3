"""Small plots as inline SVG: axes, lines, dots, bars, heat maps. Colours come from the page's CSS.

Everything is drawn in a box 480 units wide, so that text is still readable on a phone. Text is
escaped here; callers pass plain strings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH = 480
_CHARACTER = 7.0  # width of one at the font size of the labels, roughly
_LINE = 13.0

Pair = tuple[float, float]


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers within a range, at most about ``most``.

    Args:
        low: Start of the range.
        high: End of the range, above ``low``.
        most: How many are wanted, 4 or more.
    """
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def number(value: float) -> str:
    """Write a number short: three significant digits, no needless zeros."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to units of the drawing.

    Args:
        low: Value at ``start``.
        high: Value at ``end``.
        start: Units.
        end: Units.
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where a value stands."""
        span = self.high - self.low
        return self.start + (value - self.low) / span * (self.end - self.start)


def padded(values: Sequence[float], share: float = 0.06) -> Pair:
    """Return a range around values with some air; never empty."""
    low, high = min(values), max(values)
    air = (high - low) * share or max(abs(high), 1.0) * 0.05
    return low - air, high + air


@dataclass(slots=True)
class Plot:
    """A plot with two linear axes.

    Args:
        x: Range of the horizontal axis.
        y: Range of the vertical axis.
        x_label: What it shows.
        y_label: What it shows.
        title: Read out by screen readers.
        height: Units.
    """

    x: Pair
    y: Pair
    x_label: str
    y_label: str
    title: str
    height: int = 320
    _parts: list[str] = field(default_factory=list)
    _boxes: list[tuple[float, float, float, float]] = field(default_factory=list)

    @property
    def across(self) -> Scale:
        """The horizontal scale."""
        return Scale(*self.x, 52, WIDTH - 12)

    @property
    def up(self) -> Scale:
        """The vertical scale."""
        return Scale(*self.y, self.height - 44, 14)

    def line(self, points: Sequence[Pair], style: str) -> None:
        """Draw a line through points."""
        if points:
            joined = " ".join(f"{self.across(a):.1f},{self.up(b):.1f}" for a, b in points)
            self._parts.append(f'<polyline class="{style}" points="{joined}"/>')

    def level(self, y: float, style: str, label: str) -> None:
        """Draw a horizontal line right across, its label at the right end."""
        self.line([(self.x[0], y), (self.x[1], y)], style)
        text_x, text_y = WIDTH - 14.0, self.up(y) - 4
        self._boxes.append((text_x - len(label) * _CHARACTER, text_y - _LINE, text_x, text_y + 3))
        self._text(text_x, text_y, label, "label muted", "end")

    def dot(self, at: Pair, style: str, hint: str, radius: float = 4.5) -> None:
        """Draw a dot; the hint shows under the pointer."""
        x, y = self.across(at[0]), self.up(at[1])
        self._boxes.append((x - radius, y - radius, x + radius, y + radius))
        self._parts.append(
            f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
            f"<title>{escape(hint)}</title></circle>"
        )

    def label(self, at: Pair, text: str, style: str = "label") -> bool:
        """Write beside a point where there is room; return whether there was any."""
        x, y = self.across(at[0]), self.up(at[1])
        wide = len(text) * _CHARACTER
        for left, baseline in (
            (x + 8, y + 4),
            (x - 8 - wide, y + 4),
            (x - wide / 2, y - 9),
            (x - wide / 2, y + 18),
            (x + 7, y - 7),
            (x - 7 - wide, y - 7),
            (x + 7, y + 15),
            (x - 7 - wide, y + 15),
        ):
            box = (left, baseline - _LINE + 3, left + wide, baseline + 3)
            inside = left > 54 and left + wide < WIDTH - 2 and box[1] > 4 and box[3] < self.up.start
            if inside and not any(_overlap(box, other) for other in self._boxes):
                self._boxes.append(box)
                self._text(left, baseline, text, style, "start")
                return True
        return False

    def render(self) -> str:
        """Return the SVG element."""
        return frame(self.height, self.title, [*self._axes(), *self._parts])

    def _axes(self) -> list[str]:
        across, up = self.across, self.up
        found = []
        for value in ticks(*self.y, most=5):
            y = up(value)
            found.append(
                f'<line class="grid" x1="{across.start}" x2="{across.end}" y1="{y:.1f}" y2="{y:.1f}"/>'
                f'<text class="tick" x="{across.start - 6}" y="{y + 4:.1f}" text-anchor="end">'
                f"{number(value)}</text>"
            )
        for value in ticks(*self.x):
            x = across(value)
            found.append(
                f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{up.start}" y2="{up.end}"/>'
                f'<text class="tick" x="{x:.1f}" y="{up.start + 17}" text-anchor="middle">'
                f"{number(value)}</text>"
            )
        middle = (across.start + across.end) / 2
        half = (up.start + up.end) / 2
        found.append(
            f'<text class="axis" x="{middle}" y="{self.height - 6}" text-anchor="middle">'
            f"{escape(self.x_label)}</text>"
            f'<text class="axis" transform="translate(13 {half}) rotate(-90)" '
            f'text-anchor="middle">{escape(self.y_label)}</text>'
        )
        return found

    def _text(self, x: float, y: float, text: str, style: str, anchor: str) -> None:
        self._parts.append(
            f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a dot plot: a value, and the interval it lies in where there is one."""

    label: str
    value: float
    style: str
    interval: Pair | None = None


def dot_plot(rows: Sequence[Row], title: str, x_label: str, *, zero: bool = False) -> str:
    """Draw one dot a row over a common axis, with its interval as a line.

    Args:
        rows: From top to bottom.
        title: Read out by screen readers.
        x_label: What the axis shows.
        zero: Values are differences: they carry their sign, and zero is marked.
    """
    top, step, left, right = 8, 22, 172, WIDTH - 60
    bottom = top + step * len(rows)
    values = [row.value for row in rows] + [end for row in rows for end in row.interval or ()]
    scale = Scale(*padded([*values, 0.0] if zero else values), left, right)
    parts = []
    for value in ticks(scale.low, scale.high, most=5):
        x = scale(value)
        style = "grid zero" if zero and value == 0 else "grid"
        parts.append(
            f'<line class="{style}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'
            f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{number(value)}</text>"
        )
    for place, row in enumerate(rows):
        parts.append(_row(row, top + step * (place + 0.5), scale, "+.3f" if zero else ".3f"))
    parts.append(
        f'<text class="axis" x="{(left + right) / 2}" y="{bottom + 36}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
    )
    return frame(bottom + 40, title, parts)


def _row(row: Row, y: float, scale: Scale, form: str) -> str:
    drawn = ""
    if row.interval is not None:
        low, high = (scale(end) for end in row.interval)
        drawn = (
            f'<line class="whisker {row.style}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
        )
    return (
        f'<text class="label" x="{scale.start - 8}" y="{y + 4}" text-anchor="end">'
        f"<title>{escape(row.label)}</title>{escape(shorten(row.label, 21))}</text>{drawn}"
        f'<circle class="{row.style}" cx="{scale(row.value):.1f}" cy="{y}" r="4.5"/>'
        f'<text class="label digits" x="{WIDTH - 4}" y="{y + 4}" text-anchor="end">'
        f"{row.value:{form}}</text>"
    )


def bars(rows: Sequence[tuple[str, float]], title: str) -> str:
    """Draw shares of 0 to 1 as horizontal bars, each with its figure."""
    step, left, right = 26, 120, WIDTH - 62
    parts = []
    for place, (label, value) in enumerate(rows):
        y = step * place + 4
        parts.append(
            f'<text class="label" x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>'
            f'<rect class="track" x="{left}" y="{y}" width="{right - left}" height="18" rx="3"/>'
            f'<rect class="bar" x="{left}" y="{y}" width="{(right - left) * value:.1f}" height="18" rx="3"/>'
            f'<text class="label digits" x="{right + 8}" y="{y + 14}">{value:.1%}</text>'
        )
    return frame(step * len(rows) + 4, title, parts)


def heat_map(labels: Sequence[str], counts: Sequence[Sequence[int]], title: str) -> str:
    """Draw a confusion matrix; the shade is the share of the row, the figure the count."""
    size = len(labels)
    left, top, right = 118, 96, 40  # column names lean out to the right
    cell = (WIDTH - left - right) / max(size, 1)
    parts = []
    for row, label in enumerate(labels):
        y, total = top + row * cell, sum(counts[row])
        name = escape(shorten(label, 15))
        parts.append(
            f'<text class="label" x="{left - 6}" y="{y + cell / 2 + 4:.1f}" text-anchor="end">{name}</text>'
            f'<text class="label" transform="translate({left + (row + 0.5) * cell + 4:.1f} {top - 6}) '
            f'rotate(-55)">{escape(shorten(label, 15))}</text>'
        )
        for column, count in enumerate(counts[row]):
            share = count / total if total else 0.0
            x = left + column * cell
            shown = str(count) if count and cell >= 20 else ""
            parts.append(
                f'<rect class="cell" x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" height="{cell:.1f}" '
                f'fill-opacity="{0.9 * share:.3f}"><title>{escape(label)} taken for '
                f"{escape(labels[column])}: {count} ({share:.0%})</title></rect>"
                f'<text class="count{" strong" if share > 0.5 else ""}" x="{x + cell / 2:.1f}" '
                f'y="{y + cell / 2 + 4:.1f}" text-anchor="middle">{shown}</text>'
            )
    return frame(math.ceil(top + cell * size + 4), title, parts)


def frame(height: int, title: str, parts: Sequence[str]) -> str:
    """Return an SVG element that scales with the page."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title, quote=True)}">'
        + "".join(parts)
        + "</svg>"
    )


def shorten(text: str, most: int) -> str:
    """Cut a text to a number of characters, its end replaced by an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _overlap(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
