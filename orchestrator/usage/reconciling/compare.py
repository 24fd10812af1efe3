"""Where an invoice and what was recorded differ, and why that is likely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from experts.pricing import usd_text
from orchestrator.usage.reconciling.invoice import Line


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded of a model on a day (UTC).

    Args:
        day: The day.
        model: As it is compared.
        nanos: Billionths of a US dollar.
        tokens: Read and written.
        requests: How many.
        estimated: Of these: with tokens that the service counted.
        failed: Of these: failed.
        cancelled: Of these: broken off by the caller or with the service.
    """

    day: date
    model: str
    nanos: int
    tokens: int = 0
    requests: int = 0
    estimated: int = 0
    failed: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may differ.

    Args:
        nanos: Billionths of a US dollar, on a line and in all.
        share: Of the invoice's amount, 0 to 1, if that is more.
    """

    nanos: int = 10_000_000
    share: float = 0.0

    def admits(self, difference: int, charged: int) -> bool:
        """Tell whether a difference is small enough."""
        return abs(difference) <= max(self.nanos, abs(charged) * self.share)


@dataclass(frozen=True, slots=True)
class Difference:
    """A model on a day, or the total.

    Args:
        day: ``None``: all of them.
        model: Empty: all of them.
        charged: Nanodollars by the invoice.
        recorded: Nanodollars by the records.
        within: Whether the tolerance admits it.
        causes: What is likely, the likeliest first.
    """

    day: date | None
    model: str
    charged: int
    recorded: int
    within: bool
    causes: tuple[str, ...] = ()

    @property
    def nanos(self) -> int:
        """By how much the invoice is more."""
        return self.charged - self.recorded


@dataclass(frozen=True, slots=True)
class Comparison:
    """All of an invoice beside all that was recorded in its days."""

    lines: tuple[Difference, ...]
    total: Difference

    @property
    def agrees(self) -> bool:
        """Whether nothing differs by more than is tolerated."""
        return self.total.within and all(line.within for line in self.lines)


def compare(
    invoice: Iterable[Line], records: Iterable[Recorded], tolerance: Tolerance
) -> Comparison:
    """Set an invoice beside what was recorded.

    Models are told apart only if the invoice does so.

    Args:
        invoice: Distinct in day and model.
        records: Of the same days; of any number for a day and model.
        tolerance: What may differ.
    """
    charged = {(line.day, line.model): line for line in invoice}
    by_model = any(model for _, model in charged)
    recorded = _together(records, by_model)
    moved = _moved(charged, recorded, tolerance)
    lines = []
    for key in sorted({*charged, *recorded}):
        line, ours = charged.get(key), recorded.get(key)
        amount, ours_amount = line.nanos if line else 0, ours.nanos if ours else 0
        within = tolerance.admits(amount - ours_amount, amount)
        causes = () if within else tuple(_causes(line, ours, key[1] in moved))
        lines.append(Difference(*key, amount, ours_amount, within, causes))
    total, ours_total = (sum(each.nanos for each in side.values()) for side in (charged, recorded))
    within = tolerance.admits(total - ours_total, total)
    return Comparison(tuple(lines), Difference(None, "", total, ours_total, within))


def _together(records: Iterable[Recorded], by_model: bool) -> dict[tuple[date, str], Recorded]:
    found: dict[tuple[date, str], Recorded] = {}
    for one in records:
        model = one.model if by_model else ""
        old = found.get((one.day, model), Recorded(one.day, model, 0))
        found[one.day, model] = Recorded(
            one.day,
            model,
            old.nanos + one.nanos,
            old.tokens + one.tokens,
            old.requests + one.requests,
            old.estimated + one.estimated,
            old.failed + one.failed,
            old.cancelled + one.cancelled,
        )
    return found


def _moved(
    charged: dict[tuple[date, str], Line],
    recorded: dict[tuple[date, str], Recorded],
    tolerance: Tolerance,
) -> frozenset[str]:
    """Return the models that agree over all days and differ on some: their days are others'."""
    found = set()
    for model in {model for _, model in (*charged, *recorded)}:
        theirs = sum(line.nanos for (_, name), line in charged.items() if name == model)
        ours = sum(one.nanos for (_, name), one in recorded.items() if name == model)
        if theirs and tolerance.admits(theirs - ours, theirs):
            found.add(model)
    return frozenset(found)


def _causes(line: Line | None, ours: Recorded | None, moved: bool) -> Iterator[str]:
    if moved:
        yield "the days even each other out: the vendor's day may not be that of UTC"
    if line is None:
        yield "the invoice does not list it: another name of the model, or not billed yet"
        return
    if ours is None:
        yield "nothing is recorded: calls past this service, or another name of the model"
        return
    if line.tokens is not None and line.tokens == ours.tokens and ours.nanos and not moved:
        ratio = line.nanos / ours.nanos
        yield f"the tokens agree, so the prices differ: the invoice's are {ratio:.4g} times ours"
    elif line.tokens is not None and line.tokens != ours.tokens:
        yield f"the invoice has {line.tokens - ours.tokens:+,} tokens"
    if line.requests is not None and line.requests != ours.requests:
        yield f"the invoice has {line.requests - ours.requests:+,} requests"
    yield from _uncertain(ours)


def _uncertain(ours: Recorded) -> Iterator[str]:
    kinds: Sequence[tuple[int, str]] = (
        (ours.estimated, "had tokens that the service counted or estimated itself"),
        (ours.cancelled, "were broken off: vendors may bill what nobody waited for"),
        (ours.failed, "failed: vendors may bill some of them"),
    )
    for count, what in kinds:
        if count:
            yield f"{count:,} of {ours.requests:,} requests {what}"


def dollars(nanos: int) -> str:
    """Return an amount as a table shows it: with cents at least, and no more places than it has."""
    whole, _, rest = usd_text(nanos).partition(".")
    return f"{whole}.{rest.ljust(2, '0')}"
