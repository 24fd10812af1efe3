"""What is the UI's, what is not, and who is sent where."""

from __future__ import annotations

from datetime import UTC

import pytest

from orchestrator.admin.contents import PAGES
from orchestrator.admin.mounting import is_ours
from orchestrator.admin.parts.listing import _plain
from orchestrator.admin.session import zone_of
from orchestrator.admin.signing_in import sign_in_path


@pytest.mark.parametrize(
    "path", ["/admin", "/admin/", "/admin/experts", "/admin/apis", "/admin/static/admin.css"]
)
def test_pages_are_the_uis(path: str) -> None:
    assert is_ours(path)


@pytest.mark.parametrize(
    "path", ["/admin/api", "/admin/api/experts", "/administrator", "/v1/models", "/"]
)
def test_the_api_is_not(path: str) -> None:
    assert not is_ours(path)


def test_the_way_back_survives_in_an_address() -> None:
    assert sign_in_path("/admin/x?a=1&b=2") == "/admin/login?back=%2Fadmin%2Fx%3Fa%3D1%26b%3D2"


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "a" * 5000])
def test_a_time_zone_that_is_none_is_utc(name: str) -> None:
    assert zone_of(name) is UTC


def test_a_time_zone_comes_from_a_cookie() -> None:
    assert str(zone_of("Europe%2FBerlin")) == "Europe/Berlin"


@pytest.mark.parametrize("value", ["=1+1", "+x", "-x", "@x", "\tx"])
def test_an_exported_text_is_no_formula(value: str) -> None:
    assert _plain(value) == f"'{value}"


def test_numbers_and_plain_text_are_exported_as_they_are() -> None:
    assert [_plain(value) for value in (-1, 2.5, None, True, "a=b")] == [-1, 2.5, None, True, "a=b"]


def test_pages_have_addresses_of_their_own_and_parents_that_exist() -> None:
    paths = [page.path for page in PAGES]
    assert len(set(paths)) == len(paths)
    for page in PAGES:
        assert bool(page.group) == bool(page.icon)
        assert page.group or page.parent in paths
