"""``coe usage`` against the running service: what it says is what the rows say."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from orchestrator.cli import build
from tests.e2e.conftest import Server
from tests.e2e.support import added_expert, question, settled_rows

PRICE = {"input": 0.15, "output": 0.6}


def _coe(server: Server, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(
        build(), ["usage", *words], env={"COE_BASE_URL": server.url, "COE_API_KEY": server.key}
    )
    assert done.exit_code == code, done.output
    return done


def test_reports_exports_and_invoices(server: Server, tmp_path: Path) -> None:
    expert = {"id": "billed", "provider": "scripted", "model": "fixed:a b c", "price": PRICE}
    with added_expert(server, **expert), server.client() as client:
        for words in ("one", "one two", "one two three"):
            answer = client.post("/v1/chat/completions", json=question("billed", words))
            assert answer.status_code == 200, answer.text
        rows = settled_rows(server, "billed", 3)
        nanos = sum(round(row["cost_usd"] * 1e9) for row in rows)
        assert nanos == 6 * 150 + 9 * 600
        said = json.loads(
            _coe(server, "report", "--by", "expert", "--expert", "billed", "--json").stdout
        )
        assert [group["group"] for group in said["data"]] == [{"expert": "billed"}]
        assert (said["totals"]["requests"], said["totals"]["cost_nanos"]) == (3, nanos)
        out = tmp_path / "rows.csv"
        _coe(server, "export", "--out", str(out))
        exported = list(csv.DictReader(io.StringIO(out.read_text())))
        mine = [row for row in exported if row["expert"] == "billed"]
        assert sum(Decimal(row["cost_usd"]) for row in mine) == Decimal(nanos) / 10**9
        _reconciled(server, tmp_path, rows[0]["started_at"][:10], nanos)
    assert "group_by: one of" in _coe(server, "report", "--by", "colour", code=1).output


def _reconciled(server: Server, folder: Path, day: str, nanos: int) -> None:
    invoice = folder / "invoice.csv"
    invoice.write_text(f"date,model,cost\n{day},fixed:a b c,{Decimal(nanos) / 10**9:f}\n")
    options = ("--expert", "billed", "--tolerance", "0")
    _coe(server, "reconcile", str(invoice), *options)
    invoice.write_text(f"date,model,cost\n{day},fixed:a b c,0.5\n")
    assert "differ" in _coe(server, "reconcile", str(invoice), *options, code=1).output
