from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experts.catalogue.expert import Expert
from experts.discovery.discover import discover
from experts.discovery.environment import vendor_experts
from experts.discovery.localhost import LOCAL_SERVERS, MAX_MODELS, LocalServer, experts_listed
from experts.discovery.price_list import listed_price, price_of
from experts.discovery.slugs import slug
from experts.discovery.vendors import VENDORS
from experts.packaged import PACKAGED

VLLM = LocalServer("vllm", "vLLM", 8000)


async def nobody(url: str) -> bytes | None:
    return None


def listing(*models: dict[str, Any]) -> bytes:
    return json.dumps({"object": "list", "data": models}).encode()


async def test_with_nothing_there_the_packaged_experts_are_served() -> None:
    found = await discover({}, probe=nobody)
    assert found.experts == PACKAGED
    lines = [str(finding) for finding in found.findings]
    assert any(line.startswith("not found:") and "OPENAI_API_KEY" in line for line in lines)
    assert any("Ollama on port 11434" in line for line in lines)
    assert lines[-1].startswith("found: packaged")


async def test_keys_bring_their_vendors_models() -> None:
    environ = {"OPENAI_API_KEY": "sk-hidden", "GROQ_API_KEY": "x", "MISTRAL_API_KEY": " "}
    found = await discover(environ, probe=nobody)
    ids = {expert.id for expert in found.experts}
    assert {"python", "groq-gpt-oss-120b"} <= ids
    assert any(name.startswith("openai-") for name in ids)
    assert not any(name.startswith(("mistral", "smollm2")) for name in ids)
    lines = " ".join(str(finding) for finding in found.findings)
    assert "found: OPENAI_API_KEY" in lines
    assert "sk-hidden" not in lines + repr(found.experts)


def test_the_second_name_of_a_key_counts() -> None:
    (experts,) = vendor_experts({"GOOGLE_API_KEY": "x"}).values()
    assert all(one.endpoints[0].api_key.env == "GOOGLE_API_KEY" for one in experts)


def test_a_key_of_ours_is_not_a_vendors() -> None:
    assert vendor_experts({"OPENAI_API_KEY": "sk-coe-something"}) == {}


def test_every_vendor_gives_valid_experts_with_ids_of_their_own() -> None:
    environ = {vendor.keys[0]: "x" for vendor in VENDORS}
    experts = [one for group in vendor_experts(environ).values() for one in group]
    assert len({one.id for one in experts}) == len(experts) >= len(VENDORS)
    assert all(one.provider == "litellm" or one.endpoints[0].url for one in experts)
    assert len(set(environ)) == len(VENDORS)


def test_the_price_list_says_the_same() -> None:
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0])
    prices = json.loads((folder / "model_prices_and_context_window_backup.json").read_text())
    for model in (model for vendor in VENDORS for model in vendor.models if model.priced_as):
        entry = prices[model.priced_as]
        stated = (entry["input_cost_per_token"] * 1e6, entry["output_cost_per_token"] * 1e6)
        assert model.price == pytest.approx(stated), model.name
        for ours, name in ((model.cached, "read"), (model.cache_write, "creation")):
            theirs = entry.get(f"cache_{name}_input_token_cost", 0.0) * 1e6
            assert ours == pytest.approx(theirs or None), (model.name, name)
        assert model.context == entry["max_input_tokens"], model.name
        features = {"tools": "function_calling", "vision": "vision", "json": "response_schema"}
        offered = {one for one, name in features.items() if entry.get(f"supports_{name}")}
        assert model.capabilities - {"streaming"} == offered, model.name


def test_found_experts_have_the_tiers_of_the_list() -> None:
    experts = vendor_experts({"OPENAI_API_KEY": "x", "XAI_API_KEY": "x"})
    (grok,) = experts["XAI_API_KEY"]
    assert [(tier.above, tier.input, tier.output) for tier in grok.price.tiers] == [
        (200_000, 4.0, 12.0)
    ]
    assert {tier.name for tier in experts["OPENAI_API_KEY"][0].price.service_tiers} >= {
        "priority",
        "flex",
        "batch",
    }


def test_the_list_is_read_by_what_its_names_say() -> None:
    entry = {
        "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05,
        "output_cost_per_reasoning_token": 1.2e-05,
        "cache_read_input_token_cost": 1.25e-07,
        "input_cost_per_token_above_200k_tokens": 2.5e-06,
        "output_cost_per_token_above_200k_tokens": 1.5e-05,
        "input_cost_per_token_above_128k_tokens": 1.5e-06,
        "output_cost_per_token_above_128k_tokens": 1.1e-05,
        "input_cost_per_token_above_512k_tokens": 3e-06,
        "input_cost_per_token_batches": 6.25e-07,
        "output_cost_per_token_batches": 5e-06,
        "input_cost_per_token_flex": 6e-07,
        "input_cost_per_audio_per_second_above_128k_tokens": 1.0,
        "max_tokens": 9,
    }
    price = price_of(entry)
    assert price is not None
    assert price.model_dump(mode="json", exclude_none=True) == {
        "input": 1.25,
        "output": 10.0,
        "cached_input": 0.125,
        "reasoning": 12.0,
        "tiers": [
            {"above": 128_000, "input": 1.5, "output": 11.0},
            {"above": 200_000, "input": 2.5, "output": 15.0},
        ],
        "service_tiers": [{"name": "batch", "input": 0.625, "output": 5.0}],
    }
    assert price_of({"input_cost_per_second": 1.0}) is None
    assert listed_price("no such model") is None


async def test_servers_on_this_machine_are_asked_and_our_own_is_not() -> None:
    asked = []

    async def probe(url: str) -> bytes | None:
        asked.append(url)
        return listing({"id": "llama3.2:latest"}) if ":11434/" in url else None

    found = await discover({}, probe=probe, own_ports={8000})
    assert [expert.id for expert in found.experts] == ["ollama-llama3.2-latest", "python"]
    assert sorted(asked) == sorted(
        f"http://127.0.0.1:{one.port}/v1/models" for one in LOCAL_SERVERS if one.port != 8000
    )


def test_a_listing_becomes_experts() -> None:
    (one, two) = experts_listed(
        VLLM,
        listing(
            {"id": "Qwen/Qwen3-8B", "max_model_len": 40960},
            {"id": "nomic-embed-text"},
            {"id": "/models/Tiny Model.gguf"},
            {"id": "/models/Tiny Model.gguf"},
        ),
    )
    assert (one.id, one.model, one.context_window) == ("vllm-qwen3-8b", "Qwen/Qwen3-8B", 40960)
    assert one.endpoints[0].url == "http://127.0.0.1:8000/v1"
    assert (two.id, two.model) == ("vllm-tiny-model", "/models/Tiny Model.gguf")


def test_a_service_like_this_one_offers_nothing() -> None:
    assert experts_listed(VLLM, listing({"id": "coe"}, {"id": "gpt-x"})) == []
    assert experts_listed(VLLM, listing({"id": "coe-balanced"})) == []


def test_the_number_of_models_is_bounded() -> None:
    many = [{"id": f"m{number}"} for number in range(100)]
    assert len(experts_listed(VLLM, listing(*many))) == MAX_MODELS


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["data", "id", "max_model_len", "x"]), inner, max_size=3
            )
        ),
        max_leaves=12,
    )
)
def test_no_answer_breaks_discovery(answer: Any) -> None:
    for body in (json.dumps(answer).encode(), b"<html>", b""):
        assert all(isinstance(one, Expert) for one in experts_listed(VLLM, body))


@given(st.text(max_size=100), st.text(max_size=100))
def test_slugs_are_ids(prefix: str, name: str) -> None:
    assert Expert(id=slug(prefix, name), provider="python").id
    assert re.fullmatch(r"[a-z0-9._-]{1,64}", slug(prefix, name))


def test_slugs_do_not_name_policies() -> None:
    assert slug("coe", "x") == "x-coe-x"
