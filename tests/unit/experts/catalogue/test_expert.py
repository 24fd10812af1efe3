"""Entries: what is accepted, and how they are written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from experts.catalogue.changes import content_hash, spec_of
from experts.catalogue.entries import parse_entry
from experts.catalogue.expert import Endpoint, Expert, Price, SecretRef

slugs = st.from_regex(r"[a-z0-9](?:[a-z0-9._-]{0,20}[a-z0-9])?", fullmatch=True).filter(
    lambda slug: slug != "coe" and not slug.startswith("coe-")
)
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)
numbers = st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53, allow_nan=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
endpoints = st.builds(
    Endpoint,
    url=st.sampled_from(["http://127.0.0.1:8000/v1", "https://models.example/v1", "HTTPS://a.b"]),
    api_key=st.none()
    | st.builds(SecretRef, env=st.just("KEY"))
    | st.builds(SecretRef, stored=st.just("a.key")),
    headers=st.dictionaries(st.sampled_from(["x-a", "X-B"]), st.just("some value"), max_size=2),
    weight=st.floats(0.001, 1000),
)
experts = st.builds(
    Expert,
    id=slugs,
    name=texts,
    description=texts,
    provider=st.sampled_from(["openai", "litellm", "local", "python", "scripted"]),
    model=st.just("a-model"),
    endpoints=st.lists(endpoints, min_size=1, max_size=2).map(tuple),
    system_prompt=st.none() | texts,
    parameters=st.dictionaries(texts, json_values, max_size=3),
    capabilities=st.frozensets(st.sampled_from(["tools", "vision", "json", "streaming"])),
    context_window=st.integers(1, 100_000_000),
    price=st.builds(Price, input=st.floats(0, 1e6), output=st.floats(0, 1e6)),
    active_parameters=st.none() | st.floats(1e-6, 1e3),
    total_parameters=st.none() | st.floats(1e3, 1e6),
    tags=st.frozensets(slugs, max_size=4),
    accepts=st.frozensets(st.just("executable")),
    enabled=st.booleans(),
)


@given(experts)
def test_an_entry_survives_json(expert: Expert) -> None:
    spec = spec_of(expert)
    again = parse_entry(json.loads(json.dumps(spec)))
    assert spec_of(again) == spec
    assert content_hash(spec_of(again)) == content_hash(spec)
    assert again == expert


def test_sets_are_written_sorted_so_that_equal_entries_have_one_hash() -> None:
    tags = [f"tag-{number:02}" for number in range(40)]
    one = Expert(id="a", provider="scripted", tags=frozenset(tags))
    other = Expert(id="a", provider="scripted", tags=frozenset(reversed(tags)))
    assert spec_of(one)["tags"] == tags
    assert content_hash(spec_of(one)) == content_hash(spec_of(other))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "file:///etc/passwd",
        "host:8000/v1",
        "http://",
        "http:///v1",
        "http://user:password@host/v1",
        "http://host:0/v1",
        "http://host:99999/v1",
        "http://host/v1?key=1",
        "http://host/v1#part",
        "http://ho st/v1",
        "http://host\\@other/v1",
        "http://host/v1\n",
        "http://[::1/v1",
        "http://höst/v1",
        "javascript:alert(1)",
    ],
)
@pytest.mark.parametrize("provider", ["openai", "litellm"])
def test_only_plain_http_addresses_are_accepted(provider: str, url: str) -> None:
    with pytest.raises(ValidationError):
        Expert.model_validate(
            {"id": "a", "provider": provider, "model": "m", "endpoints": [{"url": url}]}
        )


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/v1", "https://a.example", "http://[::1]:80/v1/", "HTTP://A/b%20c"],
)
def test_usual_addresses_are_accepted(url: str) -> None:
    expert = Expert(id="a", provider="openai", model="m", endpoints=(Endpoint(url=url),))
    assert expert.endpoints[0].url == url


def test_a_local_expert_names_a_file() -> None:
    Expert(id="a", provider="local", endpoints=(Endpoint(url="models/a.gguf"),))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-a": "one\r\nx-b: two"},
        {"x a": "one"},
        {"": "one"},
        {"x-a": "ü"},
        {"x-a": "v" * 4097},
        {f"x-{number}": "v" for number in range(65)},
        {"Authorization": "Bearer x"},
    ],
)
def test_headers_cannot_smuggle(headers: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Endpoint(url="http://a", headers=headers)


@pytest.mark.parametrize("identifier", ["coe", "coe-quality", "A", "a b", "-a", "a-", "a/b", "a\n"])
def test_ids_are_slugs_and_never_name_a_policy(identifier: str) -> None:
    with pytest.raises(ValidationError):
        Expert(id=identifier, provider="scripted")
