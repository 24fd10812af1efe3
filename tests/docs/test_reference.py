"""The reference pages say what the code says: nothing is missing, and nothing is made up."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from coe_client.failures import BY_STATUS
from experts.catalogue.expert import Endpoint, Expert, Price, SecretRef
from orchestrator.kit.settings import Settings, describe, environment_name
from tests.docs.blocks import ROOT
from tests.docs.conftest import Service
from tests.docs.error_codes import error_codes
from tests.docs.references import WRITTEN

REFERENCE = ROOT / "docs" / "reference"


def _section(page: str, heading: str = "") -> str:
    """Return a page, or the part of it under one heading."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    if not heading:
        return text
    parts = re.split(r"^## +", text, flags=re.MULTILINE)
    return next(part for part in parts if part.startswith(heading))


def _rows(text: str) -> list[list[str]]:
    """Return the cells of every table row whose first cell is code, without the code marks."""
    rows = []
    for line in text.splitlines():
        if line.startswith("| `"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            rows.append([cell.strip() for cell in cells])
    return [[row[0].strip("`"), *row[1:]] for row in rows]


def test_settings() -> None:
    documented = {name: (default, what) for name, default, what in _rows(_section("settings.md"))}
    described = describe(Settings())
    assert list(documented) == [row["name"] for row in described]
    for field, row in zip(Settings.model_fields.values(), described, strict=True):
        default, what = documented[row["name"]]
        assert what == row["description"]
        if field.default_factory is None:
            assert default.strip("`") == ("" if field.default is None else str(field.default))


def test_a_setting_can_be_named_in_the_environment() -> None:
    documented = [row[0] for row in _rows(_section("settings.md"))]
    assert documented == [environment_name(name) for name in Settings.model_fields]


def test_error_codes() -> None:
    rows = _rows(_section("errors.md", "Codes"))
    documented = {code: {int(s) for s in re.findall(r"\d+", status)} for code, status, *_ in rows}
    assert documented == error_codes()


def test_errors_of_the_client() -> None:
    rows = _rows(_section("errors.md", "In Python"))
    documented = {int(status): name.strip("`") for status, name in rows if status.isdigit()}
    assert documented == {status: kind.__name__ for status, kind in BY_STATUS.items()}


def test_endpoints(docs_service: Service) -> None:
    paths = httpx.get(f"{docs_service.url}/openapi.json").json()["paths"]
    served = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    documented = [row[0] for row in _rows(_section("http.md", "Endpoints"))]
    assert len(documented) == len(set(documented))
    assert set(documented) == served


def test_the_role_that_an_endpoint_needs(docs_service: Service) -> None:
    """A documented role is let in, and the one below it is not."""
    order = ["", "user", "viewer", "editor", "admin"]
    with httpx.Client(base_url=docs_service.url) as http:
        keys = {"": {}}
        for role in order[1:]:
            made = http.post(
                "/admin/api/keys",
                json={"name": role, "role": role},
                headers={"authorization": f"Bearer {docs_service.key}"},
            ).json()
            keys[role] = {"authorization": f"Bearer {made['key']}"}
        for operation, role, *_ in _rows(_section("http.md", "Endpoints")):
            method, path = operation.split()
            needed = role.strip("` -")
            for asking in order[max(0, order.index(needed) - 1) : order.index(needed) + 1]:
                status = http.request(
                    method, re.sub(r"\{\w+\}", "no-such", path), json={}, headers=keys[asking]
                ).status_code
                let_in = order.index(asking) >= order.index(needed)
                assert (status not in {401, 403}) == let_in, (operation, asking, status)


def test_metrics(docs_service: Service) -> None:
    answer = httpx.get(
        f"{docs_service.url}/metrics", headers={"authorization": f"Bearer {docs_service.key}"}
    )
    served = {
        (family.name, family.type, family.documentation)
        for family in text_string_to_metric_families(answer.text)
        if family.name.startswith("coe_") and not family.name.endswith("_created")
    }
    rows = _rows(_section("metrics.md"))
    assert {(name, kind, what) for name, kind, _, what in rows} == served


def test_headers() -> None:
    documented = [row[0] for row in _rows(_section("headers.md")) if row[0].startswith("x-coe-")]
    sources = "".join(path.read_text() for path in (ROOT / "orchestrator").rglob("*.py"))
    assert set(documented) == set(re.findall(r"\"(x-coe-[a-z-]+)\"", sources))


@pytest.mark.parametrize("reference", WRITTEN, ids=lambda one: one.PAGE.name)
def test_what_is_written_from_code_is_current(reference: ModuleType) -> None:
    written = reference.PAGE.read_text(encoding="utf-8")
    assert written == reference.page(), "run: python -m tests.docs.references"


@pytest.mark.parametrize(
    ("heading", "model"),
    [("Entry", Expert), ("Endpoint", Endpoint), ("Secret", SecretRef), ("Price", Price)],
)
def test_fields_of_an_expert(heading: str, model: type[BaseModel]) -> None:
    rows = _rows(_section("experts.md", heading))
    assert [row[0] for row in rows] == list(model.model_fields)
    for (name, default, what, *_), field in zip(rows, model.model_fields.values(), strict=True):
        assert what, name
        assert default.strip("`") == _shown_default(field), name


def _shown_default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if isinstance(value, frozenset):
        return f"[{', '.join(sorted(value))}]"
    if isinstance(value, BaseModel):
        return "{input: 0, output: 0}" if value == Price() else repr(value)
    shown = {None: "", (): "[]", True: "true"}
    if isinstance(value, dict | str) and not value:
        return "{}" if isinstance(value, dict) else ""
    return shown[value] if value is None or value == () or value is True else f"{value:g}"


def test_there_is_a_reference_of_everything() -> None:
    pages = {
        Path(name).stem for name in ("settings", "errors", "http", "headers", "cli", "experts")
    }
    assert pages <= {page.stem for page in REFERENCE.glob("*.md")}
