"""Requests, settings and types, without a connection."""

from __future__ import annotations

import contextlib
import json
import re
import traceback
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coe_client import Coe, Timeouts
from coe_client.errors import APIResponseInvalidError, APIStatusError, CoeError
from coe_client.failures import error_from_answer, error_from_event
from coe_client.operations import access, answers, experts, service, usage
from coe_client.requests import Answer, path_of
from coe_client.settings import DEFAULT_BASE_URL, resolve
from coe_client.types import ChatCompletion, ChatCompletionChunk, Expert, Page, RouteInfo


@given(segment=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1))
def test_no_id_leaves_its_place_in_the_path(segment: str) -> None:
    if segment in {".", ".."}:
        with pytest.raises(ValueError, match="not an id"):
            path_of("experts", segment)
    else:
        path = path_of("experts", segment, "versions", query={"after": segment, "limit": None})
        parts = urlsplit(path)
        _, first, second, third = parts.path.split("/")
        assert (first, unquote(second), third) == ("experts", segment, "versions")
        assert parse_qs(parts.query, strict_parsing=True) == {"after": [segment]}


@pytest.mark.parametrize("segment", ["", ".", ".."])
def test_what_is_no_id(segment: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        experts.retire_expert(segment)


def test_what_is_not_json_is_refused_before_it_is_sent() -> None:
    for value, kind in ((float("nan"), ValueError), ({1}, TypeError), ("\ud800", ValueError)):
        request = answers.create_chat(
            "x", model="coe", explain=False, options={}, extra_body={"value": value}
        )
        with pytest.raises(kind):
            request.content()


def test_secrets_are_not_in_a_requests_repr() -> None:
    assert "s3cret" not in repr(experts.set_secret("name", "s3cret"))


def test_an_expiry_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        access.create_key("x", role="user", tenant="t", expires_at=datetime(2026, 1, 1))  # noqa: DTZ001 - the point


def test_only_what_was_set_is_sent() -> None:
    expert = Expert.model_validate({"id": "a", "provider": "openai", "new_field": 1})
    assert experts.create_expert(expert).body == {
        "id": "a",
        "provider": "openai",
        "new_field": 1,
    }


@pytest.mark.parametrize(
    ("given_url", "url"),
    [
        ("http://host:1/", "http://host:1"),
        (" https://host/v1 ", "https://host"),
        ("https://host/coe/v1/", "https://host/coe"),
        ("http://[::1]:8400", "http://[::1]:8400"),
    ],
)
def test_addresses(given_url: str, url: str) -> None:
    assert resolve(given_url, "k", None, 0).base_url == url


@pytest.mark.parametrize(
    "url",
    ["host:8400", "ftp://host", "http://", "http://u:p@host", "http://host?x=1", "http://h#x"],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        resolve(url, "k", None, 0)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "   "])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="api_key") as caught:
        resolve(None, key, None, 0)
    assert key.strip() == "" or key not in str(caught.value)


def test_arguments_then_environment_then_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COE_BASE_URL", raising=False)
    monkeypatch.delenv("COE_API_KEY", raising=False)
    settings = resolve(None, None, None, 2)
    assert (settings.base_url, settings.api_key) == (DEFAULT_BASE_URL, None)
    monkeypatch.setenv("COE_BASE_URL", "http://elsewhere")
    monkeypatch.setenv("COE_API_KEY", "sk-coe-env\n")
    settings = resolve(None, None, None, 2)
    assert (settings.base_url, settings.api_key) == ("http://elsewhere", "sk-coe-env")
    settings = resolve("http://here", "sk-coe-arg", 3.0, 2)
    assert (settings.base_url, settings.api_key) == ("http://here", "sk-coe-arg")
    assert settings.timeouts == Timeouts(connect=5.0, read=3.0, total=3.0)
    assert "sk-coe-arg" not in repr(settings)


def test_negative_retries() -> None:
    with pytest.raises(ValueError, match="max_retries"):
        Coe(max_retries=-1)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost", True),
        ("http://[::1]", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example.org", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    assert resolve(url, None, None, 0).is_loopback is loopback


def test_types_keep_what_they_do_not_know() -> None:
    document = {
        "choices": [{"message": {"content": "hi", "mood": "good"}, "finish_reason": "newly"}],
        "usage": {"prompt_tokens": None, "prompt_tokens_details": {"cached_tokens": 3}},
        "created": 1.5,
        "id": None,
        "service_tier": "x",
    }
    answer = ChatCompletion.model_validate(document)
    assert answer.choices[0].message.model_extra == {"mood": "good"}
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 0
    assert answer.model_extra == {"service_tier": "x"}
    assert answer.model_dump()["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    assert answer.route == RouteInfo()
    with pytest.raises(ValueError, match="frozen"):
        answer.id = "other"


@pytest.mark.parametrize(
    "document",
    [
        {"choices": []},
        {"choices": [{"delta": {}}]},
        {"choices": [{"delta": {"content": None, "tool_calls": [{"index": 0}]}}]},
        {"choices": [{"delta": None}]},
        {},
    ],
)
def test_a_chunk_without_text(document: dict[str, Any]) -> None:
    assert ChatCompletionChunk.model_validate(document).text == ""


def test_unreadable_numbers_in_headers_count_as_absent() -> None:
    route = RouteInfo.from_headers({"x-coe-confidence": "high", "x-coe-cost": "0.1"})
    assert (route.confidence, route.cost, route.expert) == (None, 0.1, None)
    moved = RouteInfo.from_headers({"x-coe-attempts": "2", "x-coe-moved": "retired"})
    assert (moved.attempts, moved.moved) == (2, "retired")
    assert (route.attempts, route.moved) == (None, None)


def test_what_headers_say_of_an_answer() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "headers.md"
    answers = page.read_text().partition("Sent with answers:")[2]
    named = re.findall(r"^\| `x-coe-([a-z-]+)`", answers, re.MULTILINE)
    assert {name.replace("-", "_") for name in named} == set(RouteInfo.model_fields)
    route = RouteInfo.from_headers({f"x-coe-{name}": "1" for name in named})
    assert route.model_fields_set == set(RouteInfo.model_fields)
    assert all(value for value in dict(route).values())
    assert RouteInfo.from_headers({"x-coe-flags": "pii, secret"}).flags == ["pii", "secret"]
    assert error_from_answer(429, {"x-should-retry": "false"}, b"").final


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(status=st.integers(300, 599), body=json_values, wrapped=st.booleans())
def test_any_refusal_becomes_a_typed_error(status: int, body: Any, wrapped: bool) -> None:
    document = {"error": body} if wrapped else body
    error = error_from_answer(status, {}, json.dumps(document).encode())
    assert isinstance(error, APIStatusError)
    assert error.status == status
    assert str(error)


@given(raw=st.binary(max_size=60))
def test_any_bytes_become_a_typed_error(raw: bytes) -> None:
    assert error_from_answer(500, {"x-coe-request-id": "r"}, raw).request_id == "r"


@given(body=json_values)
def test_any_event_becomes_a_typed_error(body: Any) -> None:
    assert error_from_event({"error": body}, request_id="r").status in {*range(400, 600)}


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("timeout_error", "expert_timeout", 504),
        ("expert_error", "a_code_of_tomorrow", 502),
        ("invalid_request_error", "expert_refused_request", 400),
        ("insufficient_budget", "budget_used_up", 402),
        ("a_type_of_tomorrow", "expert_overloaded", 502),
        (None, "expert_timeout", 504),
        (None, None, 500),
    ],
)
def test_an_events_status(kind: str | None, code: str | None, status: int) -> None:
    document = {"error": {"message": "no", "type": kind, "code": code}}
    assert error_from_event(document, request_id=None).status == status


@given(document=json_values)
def test_any_answer_is_read_or_refused_with_our_error(document: Any) -> None:
    answer = Answer(200, {}, json.dumps(document).encode())
    for request in (
        experts.get_expert("a"),
        usage.list_usage(),
        usage.report_usage(["day"]),
        service.get_readiness(),
        answers.route("x", model=None, tools=None, response_format=None, coe=None),
    ):
        with contextlib.suppress(APIResponseInvalidError):
            request.read(answer)


def test_a_new_key_is_not_in_the_error_of_an_answer_that_lacks_something() -> None:
    request = access.create_key("x", role="user", tenant="t", expires_at=None)
    answer = Answer(201, {}, b'{"key": "sk-coe-new"}')
    with pytest.raises(APIResponseInvalidError, match="id: Field required") as caught:
        request.read(answer)
    assert "sk-coe-new" not in "".join(traceback.format_exception(caught.value))


def test_a_page_names_its_fault() -> None:
    answer = Answer(200, {"x-coe-request-id": "r"}, b'{"data": [{"id": "k"}, {"id": 7}]}')
    with pytest.raises(APIResponseInvalidError, match=r"data\.1\.id") as caught:
        access.list_keys().read(answer)
    assert "(request r)" in str(caught.value)
    assert isinstance(caught.value, CoeError)
    assert Page[int].model_validate({"data": [1], "object": "list"}).has_more is False
