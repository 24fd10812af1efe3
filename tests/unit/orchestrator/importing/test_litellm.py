"""A litellm proxy's configuration, turned into a plan."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.importing.litellm import convert
from orchestrator.importing.plan import ConfigInvalid, Plan


def model(name: str, model: str = "openai/m", **params: Any) -> dict[str, Any]:
    params = {"model": model, "api_base": "http://127.0.0.1:1/v1", "api_key": "none", **params}
    return {"model_name": name, "litellm_params": {k: v for k, v in params.items() if v}}


def plan_of(*models: dict[str, Any], **sections: Any) -> Plan:
    return convert({"model_list": list(models), **sections}, {"BASE": "http://127.0.0.1:9/v1"})


def keys(plan: Plan, kind: str = "unsupported") -> set[str]:
    return {finding.key for finding in plan.findings if finding.kind == kind}


def test_a_vendors_model_has_its_address_key_price_and_abilities() -> None:
    plan = plan_of(
        model("gpt-4o", "openai/gpt-4o", api_base=None, api_key="os.environ/MY_KEY", temperature=0)
    )
    (expert,) = plan.experts
    assert expert["provider"] == "openai"
    assert expert["model"] == "gpt-4o"
    assert expert["endpoints"] == [
        {"url": "https://api.openai.com/v1", "api_key": {"env": "MY_KEY"}}
    ]
    assert expert["price"]["input"] == 2.5
    assert expert["context_window"] == 128_000
    assert expert["capabilities"] == ["json", "streaming", "tools", "vision"]
    assert not plan.secrets


def test_a_key_in_the_file_is_stored_and_never_in_the_catalogue() -> None:
    plan = plan_of(model("a", api_key="sk-canary"))
    assert plan.secrets == {"litellm-a": "sk-canary"}
    assert plan.experts[0]["endpoints"][0]["api_key"] == {"stored": "litellm-a"}
    assert "canary" not in repr(plan.experts) + repr(plan.findings)


def test_another_vendor_goes_through_litellm() -> None:
    (expert,) = plan_of(
        model("sonnet", "bedrock/anthropic.x", api_base=None, api_key=None, aws_region_name="eu-1")
    ).experts
    assert expert["provider"] == "litellm"
    assert expert["model"] == "bedrock/anthropic.x"
    assert expert["parameters"] == {"aws_region_name": "eu-1"}
    assert "endpoints" not in expert


def test_an_address_in_the_environment_is_looked_up() -> None:
    plan = plan_of(
        model("a", api_base="os.environ/BASE"), model("b", api_base="os.environ/MISSING")
    )
    assert [expert["id"] for expert in plan.experts] == ["a"]
    assert plan.experts[0]["endpoints"][0]["url"] == "http://127.0.0.1:9/v1"
    assert keys(plan) == {"model_list[1].litellm_params.api_base"}


def test_deployments_that_differ_in_place_only_are_endpoints_with_shares() -> None:
    plan = plan_of(model("a", rpm=100), model("a", api_base="http://127.0.0.1:2/v1", rpm=300))
    (expert,) = plan.experts
    assert [one.get("weight", 1.0) for one in expert["endpoints"]] == [0.333333, 1.0]
    assert [one["api_key"]["stored"] for one in expert["endpoints"]] == ["litellm-a", "litellm-a-2"]
    assert "model_list[0].litellm_params.rpm" in keys(plan, "changed")


def test_deployments_that_differ_otherwise_are_asked_in_turn_by_their_order() -> None:
    plan = plan_of(model("a", "openai/x", order=2), model("a", "openai/y", order=1))
    first, second = plan.experts
    assert (first["id"], first["model"]) == ("a", "y")
    assert (second["id"], second["model"]) == ("a-2", "x")
    assert first["fallbacks"] == ["a-2"]


def test_a_name_that_is_no_id_is_an_alias_and_takes_nobodys_id() -> None:
    plan = plan_of(model("Org/Model"), model("org-model"))
    odd, plain = plan.experts
    assert (plain["id"], plain.get("aliases")) == ("org-model", None)
    assert (odd["id"], odd["aliases"]) == ("org-model-2", ["Org/Model"])


def test_fallbacks_of_all_kinds() -> None:
    plan = plan_of(
        model("a"),
        model("b"),
        model("c"),
        litellm_settings={
            "fallbacks": [{"a": ["b", "nobody"]}],
            "context_window_fallbacks": [{"b": ["c"]}],
        },
        router_settings={"fallbacks": [{"*": ["c"]}], "content_policy_fallbacks": [{"a": ["b"]}]},
    )
    assert [expert.get("fallbacks") for expert in plan.experts] == [["b", "c"], ["c"], None]
    assert keys(plan) == {
        "litellm_settings.fallbacks (a)",
        "router_settings.content_policy_fallbacks",
    }


def test_aliases() -> None:
    plan = plan_of(
        model("a"),
        router_settings={
            "model_group_alias": {
                "gpt-4": "a",
                "GPT 5": {"model": "a", "hidden": True},
                "x": "nobody",
                "coe-best": "a",
            }
        },
    )
    assert plan.experts[0]["aliases"] == ["gpt-4", "GPT 5"]
    assert keys(plan) == {
        "router_settings.model_group_alias.x",
        "router_settings.model_group_alias.coe-best",
    }


def test_budgets_and_teams_become_limits_and_tenants() -> None:
    plan = plan_of(
        model("a"),
        litellm_settings={
            "max_budget": 100,
            "budget_duration": "30d",
            "default_team_params": {
                "models": ["a"], "max_budget": 5, "budget_duration": "1d", "rpm_limit": 60,
            },
            "default_team_settings": [{"team_id": "Search", "langfuse_host": "x"}],
        },
        general_settings={"global_max_parallel_requests": 7},
    )  # fmt: skip
    assert plan.limits == {
        "default": {"usd_per_month": 100, "concurrent_requests": 7},
        "search": {"usd_per_day": 5, "requests_per_minute": 60},
    }
    assert plan.tenants == {"search": ["a"]}
    assert keys(plan) == {"litellm_settings.default_team_settings[0].langfuse_host"}


def test_a_budget_that_cannot_be_kept_is_reported() -> None:
    plan = plan_of(model("a"), litellm_settings={"max_budget": 9, "budget_duration": "7d"})
    assert not plan.limits
    assert keys(plan) == {"litellm_settings.max_budget"}


def test_caches_and_time_limits_are_settings() -> None:
    plan = plan_of(
        model("a"),
        litellm_settings={
            "cache": True, "cache_params": {"type": "redis", "ttl": 600}, "request_timeout": 30,
        },
        router_settings={"cooldown_time": 5},
    )  # fmt: skip
    assert plan.settings == {
        "COE_CACHE": "on",
        "COE_CACHE_SECONDS": "600",
        "COE_REQUEST_TIMEOUT": "30",
        "COE_BREAKER_COOL_DOWN": "5",
    }


def test_what_is_not_known_is_reported_by_name() -> None:
    plan = plan_of(
        {**model("a", mystery=1), "model_info": {"team_public_model_name": "x"}, "odd": 1},
        litellm_settings={"guardrails": [], "cache_params": {"namespace": "x"}},
        router_settings={"provider_budget_config": {}},
        general_settings={"alerting": ["slack"], "master_key": "sk-canary"},
        include=["other.yaml"],
    )
    assert keys(plan) == {
        "model_list[0].litellm_params.mystery",
        "model_list[0].model_info.team_public_model_name",
        "model_list[0].odd",
        "litellm_settings.guardrails",
        "litellm_settings.cache_params.namespace",
        "router_settings.provider_budget_config",
        "general_settings.alerting",
        "include",
    }
    assert "general_settings.master_key" in keys(plan, "changed")
    assert "canary" not in repr(plan.findings)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "the file is not a mapping"),
        ({}, "there is no model in 'model_list'"),
        ({"model_list": {"a": 1}}, "model_list is not a list"),
        ({"model_list": [model("*", "openai/*")]}, "no model of 'model_list' can be served"),
        ({"model_list": [model("a", order="x")]}, r"model_list\[0\].litellm_params.order"),
        ({"model_list": [model("a", api_base="ftp://x")]}, r"'a' is wrong: .*endpoints\[0\].url"),
    ],
)
def test_a_file_that_cannot_be_converted_says_where(document: Any, reason: str) -> None:
    with pytest.raises(ConfigInvalid, match=reason):
        convert(document, {})
