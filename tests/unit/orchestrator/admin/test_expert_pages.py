"""What the experts' pages say of versions, prices and figures."""

from __future__ import annotations

from typing import Any

import pytest

from coe_client.types import Expert, ExpertFigures, ExpertRecord, Overview, RouterInfo
from orchestrator.admin.pages.experts.catalogue import columns, order
from orchestrator.admin.pages.experts.differences import Difference, differences, told
from orchestrator.admin.pages.experts.history import share_chart
from orchestrator.admin.pages.experts.telling import about, prices, routed, who
from orchestrator.admin.pages.experts.versions import steps
from orchestrator.admin.parts.sources import Query

OLD: dict[str, Any] = {
    "id": "a",
    "provider": "openai",
    "tags": ["x", "y"],
    "price": {"input": 1, "output": 0},
    "endpoints": [{"url": "http://a/v1", "weight": 1.0}],
    "system_prompt": "long " * 40,
}


def _record(version: int, **changed: Any) -> ExpertRecord:
    entry = {**OLD, **changed}
    return ExpertRecord.model_validate({"expert": entry, "version": version})


def test_only_what_differs_is_told_by_field() -> None:
    new = {
        **OLD,
        "tags": ["x"],
        "price": {"input": 2, "output": 0.0},
        "endpoints": [{"url": "http://b/v1"}, {"url": "http://c/v1"}],
        "name": "",
    }
    assert differences(OLD, new) == [
        Difference("endpoints[0].url", "http://a/v1", "http://b/v1"),
        Difference("endpoints[1].url", None, "http://c/v1"),
        Difference("price.input", "1", "2"),
        Difference("tags", "x, y", "x"),
    ]
    assert differences(OLD, OLD) == []


def test_differences_fit_a_line() -> None:
    found = differences(OLD, {**OLD, "system_prompt": "other " * 40, "price": None, "name": "Ada"})
    assert told(found) == "name set to Ada, price.input removed, system_prompt changed"
    assert told(found, most=1) == "name set to Ada; 2 more"


def test_each_version_stands_beside_the_one_before_it_across_pages() -> None:
    page = [_record(3, name="c"), _record(2, name="b")]
    with_older = steps(page, _record(1, name="a"))
    assert [[one.field for one in row.changed or []] for row in with_older] == [["name"], ["name"]]
    assert steps(page, None)[-1].changed is None


def test_prices_are_told_as_far_as_there_are_any() -> None:
    expert = Expert.model_validate(
        {"id": "a", "provider": "openai", "price": {"input": 2, "cached_input": 0, "tiers": []}}
    )
    assert [name for name, _ in prices(expert)] == ["Input", "Cached input"]
    assert prices(Expert(id="b", provider="python")) == []


def test_an_entry_is_told_without_what_it_does_not_say() -> None:
    names = [name for name, _ in about(Expert(id="a", provider="python", capabilities=[]))]
    assert names == ["Context"]


def test_a_policy_that_sends_nothing_is_left_out() -> None:
    router = RouterInfo.model_validate(
        {
            "version": "1",
            "categories": [{"id": "m", "name": "Mathematics"}, {"id": "c"}],
            "policies": {"best": {"m": "a", "c": "a"}, "cheap": {"m": "b", "c": "b"}},
        }
    )
    assert routed(router, "a") == [("best", ["Mathematics", "c"])]


@pytest.mark.parametrize(
    ("name", "shown"), [("Ada (key_1)", "Ada"), ("seed:file", "seed:file"), (None, "")]
)
def test_who_changed_something_is_told_by_name(name: str | None, shown: str) -> None:
    assert f">{shown}<" in who(name)


def test_the_catalogue_is_sorted_as_the_api_calls_it() -> None:
    assert order(Query(sort="requests", descending=True)) == "-requests"
    assert order(Query(sort="name")) == "name"
    assert order(Query()) is None


def test_a_row_says_what_is_wrong_in_words_and_escapes_names() -> None:
    row = ExpertFigures(
        id="a", name="<b>", provider="openai", health="down", problem="No endpoint takes calls."
    )
    cells = {column.name: str(column.cell(row)) for column in columns()}
    assert "&lt;b&gt;" in cells["Expert"]
    assert "down" in cells["Health"]
    assert "No endpoint takes calls." in cells["Health"]
    assert "no price" in cells["Cost"]
    assert "–" in cells["Failed calls"]


def test_a_share_over_time_has_gaps_where_nobody_asked_anything() -> None:
    def overview(*requests: int) -> Overview:
        hours = [f"2026-03-01T{at:02}:00:00Z" for at in range(len(requests))]
        series = [{"at": at, "requests": n} for at, n in zip(hours, requests, strict=True)]
        ends = {"since": hours[0], "until": hours[-1]}
        return Overview.model_validate({**ends, "totals": {}, "series": series})

    drawn = share_chart(overview(1, 0, 0), overview(4, 0, 2))["series"][0]["data"]
    assert [value for _, value in drawn] == [25.0, None, 0.0]
