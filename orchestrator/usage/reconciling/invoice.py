"""A vendor's invoice or cost export, a CSV file, as lines by day and model."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from orchestrator.usage.reconciling.amounts import day_in, decimal_in, model_in, nanos_in
from orchestrator.usage.reconciling.vendors import FIELDS, NAMES, REQUIRED, Vendor, plain

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
    only: Mapping[str, str] | None = None,
) -> list[Line]:
    """Return the lines of an invoice, one for each day and model, in order.

    Rows without a day (blank ones, totals) are left out.

    Args:
        text: The file.
        vendor: Whose names of columns are looked for.
        columns: Names of columns by what they hold (:data:`FIELDS`), before those.
        day_format: How days are written, as ``strptime`` takes it.
        only: Values, by column, that rows must have.

    Raises:
        InvoiceInvalid: Naming the row, counted from 1 with the header as the first.
    """
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), _dialect(text)))
    if not rows:
        raise InvoiceInvalid("the file is empty")
    places = _places(rows[0], vendor, columns or {})
    wanted = {_place(rows[0], name): value for name, value in (only or {}).items()}
    found: dict[tuple[date, str], Line] = {}
    for number, row in enumerate(rows[1:], 2):
        if any(row[place : place + 1] != [value] for place, value in wanted.items()):
            continue
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
    there = [plain(name) for name in header]
    places: dict[str, int] = {}
    for name in FIELDS:
        if name in given:
            places[name] = _place(header, given[name])
            continue
        known = (plain(each) for each in NAMES[vendor].get(name, ()))
        place = next((there.index(each) for each in known if each in there), None)
        if place is not None:
            places[name] = place
    for name in REQUIRED:
        if name not in places:
            raise InvoiceInvalid(
                f"no column is known to hold the {name}: say --column {name}=NAME; {_shown(header)}"
            )
    if there[places["cost"]].endswith("usd"):
        places.pop("currency", None)  # it is that of another column
    return places


def _place(header: Sequence[str], name: str) -> int:
    """Return where a column stands that was named.

    Raises:
        InvoiceInvalid: If there is none of this name.
    """
    there = [plain(each) for each in header]
    if plain(name) not in there:
        raise InvoiceInvalid(f"there is no column {name!r}; {_shown(header)}")
    return there.index(plain(name))


def _shown(header: Sequence[str]) -> str:
    return f"the columns are {', '.join(header)[:400]}"


def _line(row: Sequence[str], places: Mapping[str, int], day_format: str | None) -> Line | None:
    said = {name: row[place].strip() for name, place in places.items() if place < len(row)}
    if not said.get("day") or not said.get("cost"):
        return None
    currency = said.get("currency", "")
    if currency.lower() not in _DOLLARS:
        raise ValueError(f"amounts in {currency} cannot be compared with US dollars")
    counted = ("tokens",) if said.get("unit", "tokens").lower() == "tokens" else ()
    tokens = _counts(said, ("input_tokens", "output_tokens")) or _counts(said, counted)
    return Line(
        day_in(said["day"], day_format),
        model_in(said.get("model", "")),
        nanos_in(said["cost"]),
        sum(tokens) if tokens else None,
        next(iter(_counts(said, ("requests",))), None),
    )


def _counts(said: Mapping[str, str], names: Sequence[str]) -> list[int]:
    return [int(decimal_in(said[name])) for name in names if said.get(name)]


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else (one or 0) + (other or 0)
