"""How a figure differs from before, in words. Pure."""

from __future__ import annotations

from typing import Literal

from orchestrator.admin.parts.markup import Markup, tag

Better = Literal["more", "less", "neither"]
_HARDLY, _HARDLY_POINTS = 0.005, 0.0005
_FACTOR = 10.0


def amount(
    change: float | None,
    *,
    better: Better = "neither",
    words: tuple[str, str] = ("more", "less"),
    nothing: str = "nothing before",
) -> Markup:
    """Return how an amount differs: ``12 % more``, with whether that is good.

    Args:
        change: As a fraction of what it was; ``None``: it was nothing.
        better: Which way is good.
        words: For more and for less of it.
        nothing: What is said where it was nothing.
    """
    if change is None:
        return tag("span", nothing, class_="faint")
    if abs(change) < _HARDLY:
        return tag("span", "as before", class_="faint")
    size = f"{change + 1:.0f} times" if change >= _FACTOR else f"{100 * abs(change):.0f} %"
    text = f"{size} as much" if change >= _FACTOR else f"{size} {words[change < 0]}"
    return _judged(text, change, better)


def points(change: float | None, *, better: Better, nothing: str = "nothing before") -> Markup:
    """Return how a share differs: ``1.2 points more``, with whether that is good.

    Args:
        change: The difference; ``None``: there was none before.
        better: Which way is good.
        nothing: What is said where there was none.
    """
    if change is None:
        return tag("span", nothing, class_="faint")
    if abs(change) < _HARDLY_POINTS:
        return tag("span", "as before", class_="faint")
    text = f"{100 * abs(change):.1f} points {'more' if change > 0 else 'less'}"
    return _judged(text, change, better)


def _judged(text: str, change: float, better: Better) -> Markup:
    if better == "neither":
        return tag("span", text)
    good = (change > 0) == (better == "more")
    return tag("span", f"{text}, {'better' if good else 'worse'}", class_="good" if good else "bad")
