"""``router_settings`` and the fallbacks: who is asked after whom, and by what other names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from experts.catalogue.expert import RESERVED_IDS
from orchestrator.importing.litellm.groups import Groups, add_fallbacks
from orchestrator.importing.plan import ConfigInvalid, Plan, Section

_STRATEGIES = {
    "simple-shuffle": None,
    "least-busy": None,
    "usage-based-routing": "the least loaded endpoint is asked, not the one with the most left",
    "usage-based-routing-v2": "the least loaded endpoint is asked, not the one with the most left",
    "latency-based-routing": "the least loaded endpoint is asked, not the quickest",
    "cost-based-routing": "ask for the model 'coe-economy' to have the cheapest that will do",
}
"""What becomes of each way of litellm's to choose between deployments."""
_ALREADY = {
    "enable_pre_call_checks": "an expert whose context window is too small is never asked",
    "allowed_fails": "circuit breakers decide by the share of failures",
    "retry_after": "waits grow, and heed what the vendor asks for",
    "num_retries": "failures that may pass are tried again within a budget of retries",
    "retry_policy": "what is tried again depends on the failure",
    "allowed_fails_policy": "circuit breakers decide by the share of failures",
    "redis_host": "REDIS_URL names the service's Redis",
    "redis_port": "REDIS_URL names the service's Redis",
    "redis_password": "REDIS_URL names the service's Redis",
    "redis_url": "REDIS_URL names the service's Redis",
}


def read_routing(router: Section, general: Section, groups: Groups, plan: Plan) -> None:
    """Carry over aliases, fallbacks and how deployments are chosen.

    Args:
        router: ``router_settings``.
        general: ``litellm_settings``, which may hold fallbacks as well.
        groups: The experts; are given aliases and fallbacks.
        plan: Is told what is not carried over.

    Raises:
        ConfigInvalid: If something is malformed.
    """
    _aliases(router, groups, plan)
    for section in (general, router):
        _fallbacks(section, groups, plan)
    strategy = router.text("routing_strategy")
    if strategy is not None and strategy not in _STRATEGIES:
        plan.unsupported(router.place("routing_strategy"), f"there is no '{strategy}' here")
    elif strategy is not None and (what := _STRATEGIES[strategy]) is not None:
        plan.changed(router.place("routing_strategy"), what)
    cool_down, timeout = router.number("cooldown_time"), router.number("timeout")
    if cool_down:
        plan.settings["COE_BREAKER_COOL_DOWN"] = f"{cool_down:g}"
    if timeout:
        plan.settings["COE_REQUEST_TIMEOUT"] = f"{timeout:g}"
    for key, what in _ALREADY.items():
        if router.take(key) is not None:
            plan.changed(router.place(key), what)


def _aliases(router: Section, groups: Groups, plan: Plan) -> None:
    aliases = router.take("model_group_alias") or {}
    if not isinstance(aliases, dict):
        raise ConfigInvalid(f"{router.place('model_group_alias')} is not a mapping")
    for alias, target in aliases.items():
        place = f"{router.place('model_group_alias')}.{alias}"
        name = target.get("model") if isinstance(target, dict) else target
        if isinstance(target, dict) and target.get("hidden"):
            plan.changed(f"{place}.hidden", "GET /v1/models lists it")
        if name not in groups:
            plan.unsupported(place, f"left out: there is no model '{name}'")
        elif alias in groups:
            plan.unsupported(place, f"left out: '{alias}' is a model of the file itself")
        elif RESERVED_IDS.fullmatch(alias):
            plan.unsupported(place, "left out: 'coe' and 'coe-...' name policies")
        else:
            groups[name][0].setdefault("aliases", []).append(alias)


def _fallbacks(section: Section, groups: Groups, plan: Plan) -> None:
    for key in ("fallbacks", "context_window_fallbacks"):
        pairs = list(_pairs(section, key))
        for name, others in pairs:
            _asked_after(f"{section.place(key)} ({name})", name, others, groups, plan)
        if pairs and key == "context_window_fallbacks":
            plan.changed(
                section.place(key),
                "asked after any failure; where a prompt is too long, only those with more room",
            )
    usual = [str(name) for name in section.items("default_fallbacks")]
    if usual:
        _asked_after(section.place("default_fallbacks"), "*", usual, groups, plan)
    if section.take("content_policy_fallbacks"):
        plan.unsupported(
            section.place("content_policy_fallbacks"),
            "what a vendor refuses is not asked elsewhere",
        )


def _asked_after(place: str, name: str, others: Sequence[str], groups: Groups, plan: Plan) -> None:
    """Have others asked where one name fails, or where any does: ``*``."""
    if name != "*" and name not in groups:
        plan.unsupported(place, f"left out: there is no model '{name}'")
        return
    unknown: dict[str, None] = {}
    for each in groups if name == "*" else (name,):
        unknown.update(dict.fromkeys(add_fallbacks(groups, each, others)))
    for other in unknown:
        plan.unsupported(place, f"there is no model '{other}'")


def _pairs(section: Section, key: str) -> Iterator[tuple[str, list[str]]]:
    for each in section.items(key):
        if not isinstance(each, dict):
            raise ConfigInvalid(f"{section.place(key)} is not a list of mappings")
        for name, others in each.items():
            yield str(name), [_name(section.place(key), other) for other in others]


def _name(place: str, other: Any) -> str:
    name = other.get("model") if isinstance(other, dict) else other
    if not isinstance(name, str):
        raise ConfigInvalid(f"{place} names no model")
    return name
