"""Numbers, days and names of models as invoices write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from experts.pricing import NANOS_PER_USD

_SYMBOLS = re.compile(r"[\s$€£'\u00a0\u202f]|USD|US")
_DATED = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")
_EPOCH = re.compile(r"\d{9,10}(?:\.\d+)?|\d{13}")
_MILLISECONDS = 10**11
_FORMATS = ("%Y/%m/%d", "%d.%m.%Y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%Y%m%d")


def nanos_in(text: str) -> int:
    """Return an amount of US dollars as billionths of a dollar, rounded half to even.

    Understood are currency signs, thousands separated by comma, point, space or apostrophe, a comma
    for the decimal point, and parentheses for what is negative.

    Raises:
        ValueError: If it is no amount.
    """
    return int((decimal_in(text) * NANOS_PER_USD).to_integral_value())


def decimal_in(text: str) -> Decimal:
    """Return a number as an invoice writes it; see :func:`nanos_in`.

    Raises:
        ValueError: If it is no number.
    """
    plain = _SYMBOLS.sub("", text)
    negative = plain.startswith("(") and plain.endswith(")")
    plain = plain.strip("()")
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and point >= 0:
        thousands, decimal = (",", ".") if point > comma else (".", ",")
        plain = plain.replace(thousands, "").replace(decimal, ".")
    elif comma >= 0:
        grouped = re.fullmatch(r"-?\d{1,3}(,\d{3})+", plain)
        plain = plain.replace(",", "" if grouped else ".")
    try:
        number = Decimal(plain)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a number") from error
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a number")
    return -number if negative else number


def day_in(text: str, form: str | None = None) -> date:
    """Return the day (UTC) of a day or a moment.

    Args:
        text: ISO 8601, seconds or milliseconds since 1970, or one of the usual ways to write a day.
            ``03/04/2026`` could be two days: it needs a form.
        form: As ``strptime`` takes it.

    Raises:
        ValueError: If it is no day.
    """
    text = text.strip()
    if form is not None:
        return datetime.strptime(text, form).date()  # noqa: DTZ007 (a day, as it is written)
    if _EPOCH.fullmatch(text):
        number = float(text)
        return datetime.fromtimestamp(
            number / 1000 if number > _MILLISECONDS else number, UTC
        ).date()
    try:
        moment = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date()
    except ValueError:
        pass
    for known in _FORMATS:
        try:
            return datetime.strptime(text, known).date()  # noqa: DTZ007
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a day that is understood; say how it is written")


def model_in(text: str) -> str:
    """Return the name of a model as it is compared: without vendor, date, kind of token, points."""
    name = text.split(",")[0].strip().lower().rpartition("/")[2]
    while (shorter := _DATED.sub("", name)) != name:
        name = shorter
    return re.sub(r"[ ._]+", "-", name)
