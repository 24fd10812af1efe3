from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from coe_client import NotFoundError
from coe_client.types import Expert, ExpertRecord, UsageReport
from orchestrator.cli import build, usage_reconcile
from orchestrator.usage.reconciling.amounts import day_in, decimal_in, model_in, nanos_in
from orchestrator.usage.reconciling.compare import Recorded, Tolerance, compare, dollars
from orchestrator.usage.reconciling.invoice import InvoiceInvalid, Line, read_invoice
from orchestrator.usage.reconciling.vendors import FIELDS, NAMES, REQUIRED, VENDORS, plain

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
OPENAI = """\
start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,user_id,api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source
1772323200,1772409600,2026-03-01T00:00:00+00:00,2026-03-02T00:00:00+00:00,,,,,,,,,,,,,
1772409600,,2026-03-02T00:00:00+00:00,,1.25,usd,500,tokens,"gpt-6-luna-2026-01-10, input_tokens",,,proj_a,,,,,
1772409600,,2026-03-02T00:00:00+00:00,,0.5000000000,usd,70,tokens,"gpt-6-luna-2026-01-10, output_tokens",,,proj_a,,,,,
1772496000,,2026-03-03T00:00:00+00:00,,0.0000004,usd,3,requests,"gpt-6-luna, web search",,,proj_a,,,,,
"""
ANTHROPIC = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd,cost_type,inference_geo,speed,api_key_id,api_key_status
2026-03-02,Claude Haiku 5.5,Default,k,message,≤ 200k,input_no_cache,0.30,0.60,token,not_available,,apikey_1,active
2026-03-02,Claude Haiku 5.5,Default,k,message,≤ 200k,output,1.10,2.20,token,not_available,,apikey_1,active
"""
CLOUDS = {
    "aws": (
        "identity/LineItemId,lineItem/UsageStartDate,lineItem/ProductCode,lineItem/CurrencyCode,"
        "lineItem/UnblendedCost\n1,2026-03-02T00:00:00Z,AmazonBedrock,USD,1.5\n"
        "2,2026-03-02T10:00:00Z,AmazonBedrock,USD,0.25\n3,2026-03-02T00:00:00Z,AmazonEC2,USD,9\n",
        "lineItem/ProductCode=AmazonBedrock",
    ),
    "azure": (
        "Date,MeterCategory,MeterName,BillingCurrency,CostInBillingCurrency,CostInUsd\n"
        "2026-03-02,Foundry Models,gpt 6 Inp Tokens,EUR,1.6,1.75\n2026-03-02,Storage,LRS,EUR,9,9\n",
        "meter category=Foundry Models",
    ),
    "google": (
        "usage_start_time,service.description,sku.description,cost,currency\n"
        "2026-03-02 08:00:00 UTC,Vertex AI,Gemini Input,1.75,USD\n"
        "2026-03-02 08:00:00 UTC,Compute Engine,Core,9,USD\n",
        "service_description=Vertex AI",
    ),
    "focus": (
        "BilledCost,BillingCurrency,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ServiceName\n"
        "1.75,USD,2026-03-02T00:00:00Z,2000,Tokens,Models\n9,USD,2026-03-02T00:00:00Z,1,Hours,VM\n",
        "ServiceName=Models",
    ),
}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.25", "1.25"),
        ("$1,234.56", "1234.56"),
        ("1.234,56 €", "1234.56"),
        ("1,234", "1234"),
        ("1,5", "1.5"),
        ("1 234.5", "1234.5"),
        ("1'234.50", "1234.50"),
        ("(3.20)", "-3.20"),
        ("-0.004", "-0.004"),
        ("4e-7", "0.0000004"),
        ("USD 7", "7"),
    ],
)
def test_amounts_as_invoices_write_them(text: str, number: str) -> None:
    assert decimal_in(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "many", "1.2.3", "NaN", "Infinity", "--1"])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        decimal_in(text)


@given(st.integers(-(10**15), 10**15))
def test_amounts_are_exact(nanos: int) -> None:
    assert nanos_in(str(Decimal(nanos) / 10**9)) == nanos


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02",
        "2026-03-02T23:59:59Z",
        "2026-03-02 10:00:00 UTC",
        "2026-03-03T00:30:00+02:00",
        "1772409600",
        "1772409600000",
        "2026/03/02",
        "02.03.2026",
        "Mar 2, 2026",
        "20260302",
    ],
)
def test_days(text: str) -> None:
    assert day_in(text) == MONDAY


def test_a_day_that_could_be_two_needs_a_form() -> None:
    with pytest.raises(ValueError, match="how it is written"):
        day_in("03/02/2026")
    assert day_in("03/02/2026", "%m/%d/%Y") == MONDAY


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("gpt-6-luna-2026-01-10, cached input", "gpt-6-luna"),
        ("openai/gpt-6-luna", "gpt-6-luna"),
        ("claude-haiku-5-5-20260101", "claude-haiku-5-5"),
        ("anthropic/claude-haiku-5-5@20260101", "claude-haiku-5-5"),
        ("mistral-large-latest", "mistral-large"),
        ("Claude Haiku 5.5", "claude-haiku-5-5"),
    ],
)
def test_models(text: str, model: str) -> None:
    assert model_in(text) == model


def test_an_openai_export() -> None:
    assert read_invoice(OPENAI, "openai") == [
        Line(MONDAY, "gpt-6-luna", 1_750_000_000, 570),
        Line(TUESDAY, "gpt-6-luna", 400),  # what is counted there is no tokens
    ]


def test_an_anthropic_export() -> None:
    assert read_invoice(ANTHROPIC, "anthropic") == [Line(MONDAY, "claude-haiku-5-5", 1_400_000_000)]


@pytest.mark.parametrize("vendor", CLOUDS)
def test_what_clouds_export_is_compared_by_day(vendor: Any) -> None:
    text, only = CLOUDS[vendor]
    column, _, value = only.partition("=")
    tokens = 2000 if vendor == "focus" else None
    assert read_invoice(text, vendor, only={column: value}) == [
        Line(MONDAY, "", 1_750_000_000, tokens)
    ]
    with pytest.raises(InvoiceInvalid, match="there is no column 'colour'"):
        read_invoice(text, vendor, only={"colour": "red"})


def test_columns_are_found_however_they_are_spelled() -> None:
    names = ("lineItem/UnblendedCost", "line_item_unblended_cost", "Line Item Unblended Cost")
    assert len({plain(name) for name in names}) == 1


def test_any_other_file() -> None:
    text = '\ufeffPosten;Betrag;Tag;Aufrufe\r\n"mini;\nzwei";1,50;02.03.2026;3\r\n;;;\r\nSumme;1,50;;\r\n'
    columns = {"model": "Posten", "cost": "betrag", "day": "Tag", "requests": "Aufrufe"}
    assert read_invoice(text, "generic", columns) == [
        Line(MONDAY, "mini;\nzwei", 1_500_000_000, None, 3)
    ]
    assert read_invoice("date,total\n2026-03-02,$1.00\n") == [Line(MONDAY, "", 10**9)]


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("", {}, "empty"),
        ("date,colour\n", {}, "--column cost=NAME; the columns are date, colour"),
        ("date,cost\n", {"cost": "price"}, "no column 'price'"),
        ("date,cost\n", {}, "no row"),
        ("date,cost\n2026-03-02,1\nsoon,1\n", {}, "row 3: 'soon'"),
        ("date,cost\n2026-03-02,lots\n", {}, "row 2: 'lots'"),
        ("date,cost,currency\n2026-03-02,1,EUR\n", {}, "row 2: amounts in EUR"),
    ],
)
def test_what_is_no_invoice(text: str, columns: dict[str, str], says: str) -> None:
    with pytest.raises(InvoiceInvalid, match=says.replace("(", r"\(")):
        read_invoice(text, "generic", columns)


def _recorded(nanos: int, day: date = MONDAY, model: str = "m", **more: int) -> Recorded:
    return Recorded(day, model, nanos, **more)


def test_what_agrees() -> None:
    found = compare(
        [Line(MONDAY, "m", 1_000_000_000)],
        [_recorded(400_000_000), _recorded(599_000_000)],
        Tolerance(1_000_000),
    )
    assert found.agrees
    assert found.total.nanos == 1_000_000
    assert not compare([Line(MONDAY, "m", 10)], [_recorded(8)], Tolerance(1)).agrees
    assert compare([Line(MONDAY, "m", 100)], [_recorded(95)], Tolerance(0, 0.05)).agrees


@pytest.mark.parametrize(
    ("line", "ours", "says"),
    [
        (Line(MONDAY, "m", 200, 50), _recorded(100, tokens=50), "invoice's are 2 times ours"),
        (Line(MONDAY, "m", 200, 50), _recorded(100, tokens=40), r"\+10 tokens"),
        (Line(MONDAY, "m", 200, None, 3), _recorded(100, requests=1), r"\+2 requests"),
        (Line(MONDAY, "m", 200), _recorded(100, requests=5, estimated=2), "2 of 5 .* estimated"),
        (Line(MONDAY, "m", 200), _recorded(100, requests=5, cancelled=1), "1 of 5 .* broken off"),
        (Line(MONDAY, "m", 200), _recorded(100, requests=5, failed=4), "4 of 5 .* failed"),
        (Line(MONDAY, "m", 200), None, "nothing is recorded"),
        (None, _recorded(100), "does not list it"),
    ],
)
def test_causes(line: Line | None, ours: Recorded | None, says: str) -> None:
    lines, records = [line] if line else [Line(TUESDAY, "x", 0)], [ours] if ours else []
    found = compare(lines, records, Tolerance(0))
    wrong = next(each for each in found.lines if not each.within)
    import re

    assert re.search(says, "; ".join(wrong.causes))


def test_days_of_another_zone_are_seen() -> None:
    invoice = [Line(MONDAY, "m", 70), Line(TUESDAY, "m", 30)]
    records = [_recorded(50), _recorded(50, TUESDAY)]
    found = compare(invoice, records, Tolerance(0))
    assert found.total.within
    assert not found.agrees
    assert all("even each other out" in line.causes[0] for line in found.lines)


def test_an_invoice_without_models_is_compared_by_day() -> None:
    records = [_recorded(50), _recorded(50, model="other")]
    assert compare([Line(MONDAY, "", 100)], records, Tolerance(0)).agrees


@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(-(10**9), 10**9))),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(0, 10**9))),
)
def test_lines_add_up_to_the_total(
    charged: list[tuple[int, str, int]], recorded: list[tuple[int, str, int]]
) -> None:
    by_key = {(day, model): nanos for day, model, nanos in charged}
    invoice = [Line(date(2026, 3, 1 + d), m, nanos) for (d, m), nanos in by_key.items()]
    records = [_recorded(nanos, date(2026, 3, 1 + d), m) for d, m, nanos in recorded]
    found = compare(invoice, records, Tolerance(0))
    assert sum(line.nanos for line in found.lines) == found.total.nanos
    assert found.total.recorded == sum(nanos for _, _, nanos in recorded)
    assert found.agrees == all(line.nanos == 0 for line in found.lines)


def test_money_is_shown_with_cents() -> None:
    assert [dollars(n) for n in (0, 1_500_000_000, -400)] == ["0.00", "1.50", "-0.0000004"]


GROUP = {"requests": 1, "prompt_tokens": 5, "completion_tokens": 5}


def _group(day: str, expert: str | None, nanos: int, version: str | None = "1") -> dict[str, Any]:
    named = {"day": day, "expert": expert, "expert_version": version, "status": "ok"}
    return {"group": named, "cost_nanos": nanos, **GROUP}


class _Client:
    """What the service would answer: two pages of usage, and what experts have been."""

    def __init__(self) -> None:
        self.usage = SimpleNamespace(report=self._report)
        self.experts = SimpleNamespace(versions=self._versions)

    def _report(
        self, by: Any, *, start: date, end: date, after: str | None, **_: Any
    ) -> UsageReport:
        assert "expert_version" in by
        assert (start, end) == (MONDAY, date(2026, 3, 4))
        first = [_group("2026-03-02", "luna", 1_750_000_000), _group("2026-03-02", None, 7)]
        rest = [_group("2026-03-03", "luna", 400), _group("2026-03-02", "haiku", 9, None)]
        fields = {"start": start, "end": end, "totals": {}, "data": rest if after else first}
        return UsageReport.model_validate({**fields, "next": None if after else "next"})

    def _versions(self, expert: str) -> list[ExpertRecord]:
        if expert == "haiku":
            raise NotFoundError("none", status=404)
        entry = Expert(id=expert, provider="litellm", model="openai/gpt-6-luna-2026-01-10")
        return [ExpertRecord(expert=entry, version=1)]


@pytest.fixture
def coe(monkeypatch: pytest.MonkeyPatch) -> Any:
    @contextmanager
    def connected(url: str | None, key: str | None) -> Iterator[_Client]:
        yield _Client()

    monkeypatch.setattr(usage_reconcile, "connected", connected)
    app = build()
    return lambda *words: CliRunner().invoke(app, ["usage", "reconcile", *words])


def test_the_command_agrees(coe: Any, tmp_path: Path) -> None:
    invoice = tmp_path / "costs.csv"
    invoice.write_text(OPENAI)
    done = coe(str(invoice), "--vendor", "openai", "--tolerance", "0", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["agrees"]
    assert told["total"] == {
        "day": None,
        "model": None,
        "invoice_usd": "1.7500004",
        "recorded_usd": "1.7500004",
        "difference_usd": "0",
        "within": True,
        "causes": [],
    }


def test_the_command_differs_with_code_1(coe: Any, tmp_path: Path) -> None:
    invoice = tmp_path / "costs.csv"
    invoice.write_text(OPENAI.replace(",1.25,", ",1.50,"))
    done = coe(str(invoice), "--vendor", "openai")
    assert done.exit_code == 1
    assert "0.25" in done.stdout
    assert coe(str(invoice), "--vendor", "openai", "--percent", "20").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("{file}", "--vendor", "acme"),
        ("{file}", "--column", "price=cost"),
        ("{file}", "--column", "cost"),
        ("{file}.missing",),
        ("{file}", "--column", "cost=nothing"),
        ("{file}", "--only", "project_id"),
        ("{file}", "--only", "colour=red"),
    ],
)
def test_the_command_says_what_is_wrong(coe: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    invoice = tmp_path / "costs.csv"
    invoice.write_text(OPENAI)
    done = coe(*(word.format(file=invoice) for word in words))
    assert done.exit_code in (1, 2)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.output.strip()


def test_the_command_leaves_out_what_is_not_meant(coe: Any, tmp_path: Path) -> None:
    invoice = tmp_path / "costs.csv"
    invoice.write_text(OPENAI + OPENAI.partition("\n")[2].replace("proj_a", "proj_b"))
    words = (str(invoice), "--vendor", "openai", "--tolerance", "0")
    assert coe(*words).exit_code == 1
    assert coe(*words, "--only", "project_id=proj_a").exit_code == 0


def test_every_vendor_has_names_for_what_is_needed() -> None:
    assert set(NAMES) == set(VENDORS)
    for names in NAMES.values():
        assert set(REQUIRED) <= names.keys() <= set(FIELDS)


@pytest.mark.parametrize(
    ("vendor", "model", "url", "billed"),
    [
        ("openai", "openai/gpt-6-luna", None, True),
        ("openai", "gpt-6-luna", None, True),
        ("openai", "azure/gpt-6-luna", None, False),
        ("azure", "azure/gpt-6-luna", None, True),
        ("azure", "m", "https://x.openai.azure.com/openai/v1", True),
        ("aws", "bedrock/converse/anthropic.claude", None, True),
        ("aws", "claude-haiku-5-5", None, False),
        ("anthropic", "claude-haiku-5-5", None, True),
        ("google", "vertex_ai/gemini-3.8-flash", None, True),
        ("google", "m", "https://generativelanguage.googleapis.com/v1beta/openai", True),
        ("google", "m", "https://googleapis.com.example.org/v1", False),
        ("focus", "m", "https://api.example.org/v1", True),
    ],
)
def test_whose_experts_are_meant(vendor: str, model: str, url: str | None, billed: bool) -> None:
    provider = "openai" if url else "litellm"
    entry = {"id": "x", "provider": provider, "model": model, "endpoints": [{"url": url}]}
    assert usage_reconcile._is_of(Expert.model_validate(entry), vendor) is billed
