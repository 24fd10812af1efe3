"""Numbers and moments as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from math import floor, log10

NOTHING = "–"
_STEPS = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def count(value: float | None) -> str:
    """Return a count: ``999``, ``12.3k``, ``4.56M``."""
    if value is None:
        return NOTHING
    for size, letter in _STEPS:
        if abs(value) >= 0.9995 * size:  # what would be rounded up to it is one already
            return (
                f"{value / size:.3g}{letter}"
                if abs(value) < 999.5 * size
                else f"{value / size:,.0f}{letter}"
            )
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def money(dollars: float | None) -> str:
    """Return an amount with as many digits as tell something: ``$1,204``, ``$3.21``, ``$0.0010``, ``$0.00042``."""
    if dollars is None:
        return NOTHING
    sign, amount = ("-" if dollars < 0 else ""), abs(dollars)
    if amount == 0:
        return "$0"
    if amount >= 1000:
        return f"{sign}${amount:,.0f}"
    if amount >= 0.1:
        return f"{sign}${amount:.2f}"
    decimals = 1 - floor(log10(float(f"{amount:.2g}")))
    return f"{sign}${amount:.{decimals}f}"


def seconds(value: float | None) -> str:
    """Return a time that something took: ``0.4 ms``, ``230 ms``, ``1.8 s``, ``3 min 5 s``."""
    if value is None:
        return NOTHING
    if value < 1:
        thousandths = value * 1000
        return f"{thousandths:.1f} ms" if thousandths < 10 else f"{thousandths:.0f} ms"
    if value < 100:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    return span(value)


def span(value: float) -> str:
    """Return a length of time in its two largest units: ``3 min 5 s``, ``2 h``, ``5 d 3 h``."""
    whole = round(value)
    for size, name, below, small in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def share(value: float | None, digits: int = 1) -> str:
    """Return a share of one as per cent."""
    return NOTHING if value is None else f"{100 * value:.{digits}f} %"


def size(octets: float | None) -> str:
    """Return a number of bytes: ``512 B``, ``3.4 MiB``."""
    if octets is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(octets) < 1024:
            return f"{octets:.0f} {unit}" if unit == "B" else f"{octets:.3g} {unit}"
        octets /= 1024
    return f"{octets:.3g} TiB"


def moment(when: datetime | None, zone: tzinfo) -> str:
    """Return a moment in somebody's time zone: ``28 Nov 2026, 14:03:59``; in UTC it says so."""
    if when is None:
        return NOTHING
    local = (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M:%S}" + (" UTC" if zone is UTC else "")


def ago(when: datetime | None, now: datetime) -> str:
    """Return how long ago, or how far ahead, a moment is: ``just now``, ``5 min ago``, ``in 3 d``."""
    if when is None:
        return NOTHING
    passed = (now - (when if when.tzinfo else when.replace(tzinfo=UTC))).total_seconds()
    if abs(passed) < 5:
        return "just now"
    length = span(abs(passed)).split(" ")
    text = " ".join(length[:2])
    return f"{text} ago" if passed > 0 else f"in {text}"
