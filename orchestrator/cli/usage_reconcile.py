"""``coe usage reconcile``: a vendor's invoice beside what was recorded here."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args
from urllib.parse import urlsplit

import typer

from orchestrator.cli import output
from orchestrator.cli.connection import Json, Key, Url, connected

if TYPE_CHECKING:
    from coe_client import Coe
    from coe_client.types import Expert, UsageGroup
    from orchestrator.usage.reconciling.compare import Comparison, Difference, Recorded
    from orchestrator.usage.reconciling.invoice import Line

_HOSTS = {
    "openai": "openai.com",
    "anthropic": "anthropic.com",
    "aws": "amazonaws.com",
    "azure": "azure.com",
    "google": "googleapis.com",
}
_PREFIXES = {
    "openai": ("openai",),
    "anthropic": ("anthropic",),
    "aws": ("bedrock", "bedrock_converse", "sagemaker"),
    "azure": ("azure", "azure_ai"),
    "google": ("gemini", "vertex_ai"),
}
"""What models begin with that litellm sends there."""
_MODELS = {"openai": ("gpt", "o1", "o3", "o4"), "anthropic": ("claude",)}
_GROUPS = ("day", "expert", "expert_version", "status")
_BROKEN_OFF = ("cancelled", "interrupted")
_PAGE = 5_000


def reconcile(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The invoice or cost export, CSV.")],
    vendor: Annotated[
        str,
        typer.Option(
            help="Whose: openai, anthropic, aws, azure, google, focus or generic. "
            "Chooses columns and experts."
        ),
    ] = "generic",
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=NAME",
            help="Which column holds day, model, cost, currency, input_tokens, output_tokens, "
            "tokens, unit or requests. May be repeated.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="Leave out rows with another value there. May be repeated."
        ),
    ] = None,
    day_format: Annotated[
        str | None, typer.Option(help="How days are written, such as %m/%d/%Y.")
    ] = None,
    expert: Annotated[
        list[str] | None,
        typer.Option(help="Compare these experts, in place of the vendor's. May be repeated."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="US dollars that a line, and the total, may differ by.")
    ] = 0.01,
    percent: Annotated[
        float, typer.Option(min=0, max=100, help="Or this share of the invoice, if that is more.")
    ] = 0.0,
    url: Url = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Compare a vendor's invoice with what was recorded, by day and model.

    Exit code 1 where they differ by more than is tolerated.
    """
    from orchestrator.usage.reconciling.compare import Tolerance, compare

    lines = _invoice(file, vendor, column or [], only or [], day_format)
    with connected(url, key) as client:
        records = list(_recorded(client, lines, vendor, frozenset(expert or ())))
    tolerated = Tolerance(round(tolerance * 1e9), percent / 100.0)
    found = compare(lines, records, tolerated)
    if as_json:
        output.as_json(_fields(found))
    else:
        _show(found)
    if not found.agrees:
        raise typer.Exit(1)


def _invoice(
    file: Path, vendor: str, columns: list[str], only: list[str], day_format: str | None
) -> list[Line]:
    from orchestrator.usage.reconciling.invoice import InvoiceInvalid, read_invoice
    from orchestrator.usage.reconciling.vendors import FIELDS, VENDORS, Vendor

    known: dict[str, Vendor] = {name: name for name in VENDORS}
    if vendor not in known:
        output.fail(f"--vendor: one of {', '.join(get_args(Vendor))}.", code=2)
    named = dict(each.partition("=")[::2] for each in columns)
    for name, value in named.items():
        if name not in FIELDS or not value:
            output.fail(f"--column: FIELD=NAME with a FIELD of {', '.join(FIELDS)}.", code=2)
    kept = dict(each.partition("=")[::2] for each in only)
    if any("=" not in each for each in only):
        output.fail("--only: NAME=VALUE with the NAME of a column.", code=2)
    try:
        text = file.read_text(encoding="utf-8-sig")
        return read_invoice(text, known[vendor], named, day_format, kept)
    except OSError as error:
        output.fail(f"{file}: {error.strerror}.")
    except UnicodeDecodeError:
        output.fail(f"{file}: not a text in UTF-8.")
    except InvoiceInvalid as error:
        output.fail(f"{file}: {error}.")


def _recorded(
    client: Coe, lines: list[Line], vendor: str, chosen: Collection[str]
) -> Iterator[Recorded]:
    """Yield what was recorded of the vendor's models in the days of the invoice."""
    from datetime import date

    from orchestrator.usage.reconciling.amounts import model_in
    from orchestrator.usage.reconciling.compare import Recorded

    first, last = lines[0].day, lines[-1].day + timedelta(days=1)
    catalogue = _Catalogue(client)
    for group in _groups(client, first, last):
        expert, version = group.group.get("expert"), group.group.get("expert_version")
        if expert is None or (chosen and expert not in chosen):
            continue
        entry = catalogue.entry(expert, version)
        if not chosen and not _is_of(entry, vendor):
            continue
        name = (entry.model if entry is not None else "") or expert
        yield Recorded(
            day=date.fromisoformat(group.group["day"] or ""),
            model=model_in(name),
            nanos=group.cost_nanos,
            tokens=group.prompt_tokens + group.completion_tokens,
            requests=group.requests,
            estimated=group.estimated,
            failed=group.failed,
            cancelled=group.requests if group.group["status"] in _BROKEN_OFF else 0,
        )


def _groups(client: Coe, first: Any, last: Any) -> Iterator[UsageGroup]:
    after = None
    while True:
        page = client.usage.report(
            _GROUPS, start=first, end=last, tenant="*", limit=_PAGE, after=after
        )
        yield from page.data
        after = page.next
        if after is None:
            return


class _Catalogue:
    """The entries that experts had, by version; each expert's are fetched once."""

    def __init__(self, client: Coe) -> None:
        self._client = client
        self._known: dict[str, dict[int, Expert]] = {}

    def entry(self, expert: str, version: str | None) -> Expert | None:
        """Return the entry of that version, else the newest, ``None`` where nothing is known."""
        from coe_client import NotFoundError

        if expert not in self._known:
            try:
                found = list(self._client.experts.versions(expert))
            except NotFoundError:
                found = []
            self._known[expert] = {each.version: each.expert for each in found}
        entries = self._known[expert]
        if version is not None and int(version) in entries:
            return entries[int(version)]
        return entries[max(entries)] if entries else None


def _is_of(entry: Expert | None, vendor: str) -> bool:
    """Tell whether a vendor bills the calls of an expert."""
    if vendor not in _HOSTS:
        return True
    if entry is None:
        return False
    if entry.provider == "litellm" and not any(each.url for each in entry.endpoints):
        by, named, _ = entry.model.partition("/")
        return by in _PREFIXES[vendor] if named else by.startswith(_MODELS.get(vendor, ()))
    hosts = (urlsplit(each.url or "").hostname or "" for each in entry.endpoints)
    host = _HOSTS[vendor]
    return any(each == host or each.endswith(f".{host}") for each in hosts)


def _fields(found: Comparison) -> dict[str, Any]:
    return {
        "agrees": found.agrees,
        "total": _line_fields(found.total),
        "lines": [_line_fields(line) for line in found.lines],
    }


def _line_fields(line: Difference) -> dict[str, Any]:
    from experts.pricing import usd_text

    return {
        "day": None if line.day is None else line.day.isoformat(),
        "model": line.model or None,
        "invoice_usd": usd_text(line.charged),
        "recorded_usd": usd_text(line.recorded),
        "difference_usd": usd_text(line.nanos),
        "within": line.within,
        "causes": list(line.causes),
    }


def _show(found: Comparison) -> None:
    from orchestrator.usage.reconciling.compare import dollars

    rows = [
        [
            line.day.isoformat() if line.day else "total",
            line.model or "all",
            dollars(line.charged),
            dollars(line.recorded),
            dollars(line.nanos),
            "" if line.within else "; ".join(line.causes) or "differs",
        ]
        for line in (*found.lines, found.total)
    ]
    columns = ["day", "model", "invoice $", "recorded $", "difference $", "why"]
    output.table(columns, rows, empty="Nothing to compare.")
    wrong = sum(not line.within for line in found.lines)
    output.remark("They agree." if found.agrees else f"{wrong} of {len(found.lines)} lines differ.")
