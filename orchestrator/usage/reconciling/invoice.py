"""A vendor's invoice or cost export, a CSV file, as lines by day and model."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from orchestrator.usage.reconciling.amounts import day_in, decimal_in, model_in, nanos_in

Vendor = Literal["openai", "anthropic", "generic"]
VENDORS: tuple[Vendor, ...] = ("openai", "anthropic", "generic")
FIELDS = ("day", "model", "cost", "currency", "input_tokens", "output_tokens", "requests")
_REQUIRED = ("day", "cost")

# Names of columns, by vendor and by what they hold; compared in lower case, words joined by "_".
_NAMES: dict[Vendor, dict[str, tuple[str, ...]]] = {
    "openai": {
        "day": ("start_time_iso", "start_time", "date", "timestamp"),
        "model": ("line_item", "model", "snapshot_id"),
        "cost": ("amount_value", "cost_usd", "cost_in_major", "cost", "amount"),
        "currency": ("amount_currency", "currency"),
        "input_tokens": ("input_tokens", "n_context_tokens_total"),
        "output_tokens": ("output_tokens", "n_generated_tokens_total"),
        "requests": ("num_model_requests", "n_requests"),
    },
    "anthropic": {
        "day": ("usage_date_utc", "usage_date", "date"),
        "model": ("model", "model_version"),
        "cost": ("cost_usd", "cost", "amount"),
        "currency": ("currency",),
        "input_tokens": ("usage_input_tokens", "input_tokens"),
        "output_tokens": ("usage_output_tokens", "output_tokens"),
        "requests": ("requests",),
    },
    "generic": {
        "day": ("day", "date", "usage_date", "start_time", "timestamp", "time", "period"),
        "model": ("model", "line_item", "sku", "description", "item", "product"),
        "cost": ("cost_usd", "cost", "amount", "amount_value", "total", "charge", "usd"),
        "currency": ("currency", "amount_currency"),
        "input_tokens": ("input_tokens", "prompt_tokens"),
        "output_tokens": ("output_tokens", "completion_tokens"),
        "requests": ("requests", "calls", "num_requests"),
    },
}
_DOLLARS = {"", "usd", "us$", "$"}


class InvoiceInvalid(ValueError):
    """The file cannot be read as an invoice; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was charged for a model on a day; sums, where a file has several.

    Args:
        day: In UTC, as the file has it.
        model: As it is compared; see :func:`~orchestrator.usage.reconciling.amounts.model_in`.
        nanos: Billionths of a US dollar.
        tokens: Read and written, ``None`` where the file does not count them.
        requests: How many, ``None`` where the file does not count them.
    """

    day: date
    model: str
    nanos: int
    tokens: int | None = None
    requests: int | None = None

    def plus(self, other: Line) -> Line:
        """Return both together."""
        return Line(
            self.day,
            self.model,
            self.nanos + other.nanos,
            _sum(self.tokens, other.tokens),
            _sum(self.requests, other.requests),
        )


def read_invoice(
    text: str,
    vendor: Vendor = "generic",
    columns: Mapping[str, str] | None = None,
    day_format: str | None = None,
) -> list[Line]:
    """Return the lines of an invoice, one for each day and model, in order.

    Rows without a day (blank ones, totals) are left out.

    Args:
        text: The file.
        vendor: Whose names of columns are looked for.
        columns: Names of columns by what they hold (:data:`FIELDS`), before those.
        day_format: How days are written, as ``strptime`` takes it.

    Raises:
        InvoiceInvalid: Naming the row, counted from 1 with the header as the first.
    """
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), _dialect(text)))
    if not rows:
        raise InvoiceInvalid("the file is empty")
    places = _places(rows[0], vendor, columns or {})
    found: dict[tuple[date, str], Line] = {}
    for number, row in enumerate(rows[1:], 2):
        try:
            line = _line(row, places, day_format)
        except ValueError as error:
            raise InvoiceInvalid(f"row {number}: {error}") from error
        if line is not None:
            before = found.get((line.day, line.model))
            found[line.day, line.model] = before.plus(line) if before else line
    if not found:
        raise InvoiceInvalid("no row has a day and an amount")
    return [found[key] for key in sorted(found)]


def _dialect(text: str) -> type[csv.Dialect]:
    first = text.split("\n", 1)[0]

    class Found(csv.excel):
        delimiter = max(",;\t|", key=first.count)

    return Found


def _places(header: Sequence[str], vendor: Vendor, given: Mapping[str, str]) -> dict[str, int]:
    """Return where each field stands.

    Raises:
        InvoiceInvalid: If one that is needed, or was named, is missing.
    """
    there = {_plain(name): place for place, name in reversed(list(enumerate(header)))}
    places: dict[str, int] = {}
    for name in FIELDS:
        if name in given and _plain(given[name]) not in there:
            raise InvoiceInvalid(f"there is no column {given[name]!r}; {_shown(header)}")
        wanted = [given[name]] if name in given else _NAMES[vendor][name]
        place = next((there[_plain(each)] for each in wanted if _plain(each) in there), None)
        if place is not None:
            places[name] = place
    for name in _REQUIRED:
        if name not in places:
            raise InvoiceInvalid(
                f"no column is known to hold the {name}: say --column {name}=NAME; {_shown(header)}"
            )
    return places


def _shown(header: Sequence[str]) -> str:
    return f"the columns are {', '.join(header)[:400]}"


def _line(row: Sequence[str], places: Mapping[str, int], day_format: str | None) -> Line | None:
    said = {name: row[place].strip() for name, place in places.items() if place < len(row)}
    if not said.get("day") or not said.get("cost"):
        return None
    currency = said.get("currency", "")
    if currency.lower() not in _DOLLARS:
        raise ValueError(f"amounts in {currency} cannot be compared with US dollars")
    tokens = list(_counts(said, ("input_tokens", "output_tokens")))
    return Line(
        day_in(said["day"], day_format),
        model_in(said.get("model", "")),
        nanos_in(said["cost"]),
        sum(tokens) if tokens else None,
        next(_counts(said, ("requests",)), None),
    )


def _counts(said: Mapping[str, str], names: Sequence[str]) -> Iterator[int]:
    return (int(decimal_in(said[name])) for name in names if said.get(name))


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
