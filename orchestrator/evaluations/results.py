"""What is made of an evaluation, as files: scores and prices for a router, and a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.evaluations.evaluation import Evaluation
from orchestrator.evaluations.report import render
from orchestrator.evaluations.scores import as_lines, prices, rows

SCORES_FILE, PRICES_FILE = "scores.jsonl", "prices.json"
REPORT_FILE, PAGE_FILE = "report.json", "report.html"


def files_of(evaluation: Evaluation, report: Mapping[str, Any], source: str) -> dict[str, str]:
    """Return the contents of the files by their names.

    Args:
        evaluation: See there.
        report: Of it (:func:`.summary.summarise`).
        source: Where the prompts came from, for the page.
    """
    return {
        SCORES_FILE: as_lines(rows(evaluation)),
        PRICES_FILE: as_json(prices(evaluation)),
        REPORT_FILE: as_json(report),
        PAGE_FILE: render(report, subtitle=f"Measured on {source}."),
    }


def as_json(found: Mapping[str, Any]) -> str:
    """Return plain data as a JSON document for people, too."""
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
