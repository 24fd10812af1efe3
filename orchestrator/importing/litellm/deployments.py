"""One entry of ``model_list``: where a model is, what it can do, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experts.discovery.price_list import listed_entry, price_of
from orchestrator.importing.litellm.references import looked_up, variable_of
from orchestrator.importing.plan import Plan, Section

_OPENAI_URL = "https://api.openai.com/v1"
_OPENAI_WIRE = frozenset({"openai", "hosted_vllm", "custom_openai", "openai_like", "litellm_proxy"})
"""Vendors of litellm's that are called as OpenAI is."""
_COSTS = (
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "output_cost_per_reasoning_token",
)
_FIELDS = frozenset(
    {"temperature", "max_tokens", "max_completion_tokens", "top_p", "top_k", "seed", "stop"}
    | {"presence_penalty", "frequency_penalty", "reasoning_effort", "thinking", "logit_bias"}
    | {"response_format", "user", "verbosity", "service_tier", "dimensions"}
)
"""Fields of ``litellm_params`` that are fields of requests as well."""
_ARGUMENTS = frozenset(
    {"api_version", "region_name", "aws_region_name", "aws_profile_name", "aws_role_name"}
    | {"aws_session_name", "vertex_project", "vertex_location"}
)
"""Those that say to litellm's own client where a model is; none of them is secret."""
_SHARES = ("weight", "rpm", "tpm")
"""What litellm's simple shuffle draws by, the first that is there."""
_CHATS = frozenset({"chat", "completion", "responses"})
_CAPABILITIES = {
    "supports_function_calling": "tools",
    "supports_vision": "vision",
    "supports_response_schema": "json",
}
_USUAL = {"tools", "json"}
"""What a model is taken to do that no list knows: litellm would pass such requests on."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One place of one model.

    Args:
        group: The name that callers use.
        entry: Fields of an expert, without ``id`` and ``endpoints``.
        endpoint: Where it is, if it has an address or a key.
        key: A key that stands in the file, to be stored.
        share: Its part of the calls of the group, where one is stated.
        order: Lower ones are asked first.
    """

    group: str
    entry: dict[str, Any]
    endpoint: dict[str, Any]
    key: str | None
    share: float | None
    order: float


def read(place: str, content: Any, plan: Plan, environ: Mapping[str, str]) -> Deployment | None:
    """Read an entry.

    Args:
        place: Where it stands in the file.
        content: What stands there.
        plan: Is told what is not carried over.
        environ: Has the addresses that the file keeps there.

    Returns:
        The deployment; ``None`` where it cannot be had here, and the plan says why.

    Raises:
        ConfigInvalid: If the entry is malformed.
    """
    whole = Section(place, content)
    group, params, info = (
        whole.text("model_name"),
        whole.section("litellm_params"),
        whole.section("model_info"),
    )
    model = params.text("model")
    if not group or not model:
        plan.unsupported(place, "left out: it has no model_name or no litellm_params.model")
        return None
    if "*" in group or "*" in model:
        plan.unsupported(f"{place}.model_name", f"'{group}' left out: name each model")
        return None
    mode = info.text("mode") or "chat"
    if mode not in _CHATS | {"embedding"}:
        plan.unsupported(info.place("mode"), f"'{group}' left out: '{mode}' is not served here")
        return None
    base = params.text("api_base") or params.take("base_url")
    url = None if base is None else looked_up(str(base), environ)
    if base is not None and url is None:
        plan.unsupported(
            params.place("api_base"),
            f"'{group}' left out: set {variable_of(str(base))} and import again",
        )
        return None
    known = _known(model, info.text("base_model"))
    entry = _wire(model, params, url)
    entry |= _abilities(mode, info, known)
    entry |= _priced(group, params, info, known, plan)
    if parameters := {**entry.get("parameters", {}), **_parameters(params, entry["provider"])}:
        entry["parameters"] = parameters
    share, order = _share(params, plan), params.number("order") or 0.0
    endpoint, key = _endpoint(params, url, entry["provider"])
    info.take("id")
    for section in (whole, params, info):
        for left in section.left():
            plan.unsupported(left)
    return Deployment(group, entry, endpoint, key, share, order)


def _wire(model: str, params: Section, url: str | None) -> dict[str, Any]:
    """Return how the model is called."""
    vendor, _, name = model.partition("/")
    stated = params.take("custom_llm_provider")
    if stated in _OPENAI_WIRE:
        return {"provider": "openai", "model": model.removeprefix(f"{stated}/")}
    if stated is not None:
        return {"provider": "litellm", "model": model.removeprefix(f"{stated}/"),
                "parameters": {"custom_llm_provider": stated}}  # fmt: skip
    if name and vendor in _OPENAI_WIRE and (vendor == "openai" or url is not None):
        return {"provider": "openai", "model": name}
    listed = listed_entry(model) or {}
    if not name and (url is not None or listed.get("litellm_provider") == "openai"):
        return {"provider": "openai", "model": model}
    return {"provider": "litellm", "model": model}


def _known(model: str, base: str | None) -> Mapping[str, Any]:
    """Return what litellm's own list says of a model."""
    names = (base or "", model, model.partition("/")[2])
    return next((found for name in names if (found := listed_entry(name)) is not None), {})


def _abilities(mode: str, info: Section, known: Mapping[str, Any]) -> dict[str, Any]:
    window = info.number("max_input_tokens") or info.number("max_tokens")
    info.take("max_tokens"), info.take("max_output_tokens")
    window = window or known.get("max_input_tokens") or known.get("max_tokens")
    found: dict[str, Any] = {} if not window else {"context_window": int(window)}
    able = {name: info.take(flag) for flag, name in _CAPABILITIES.items()}
    if mode == "embedding" or known.get("mode") == "embedding":
        return {**found, "capabilities": ["embeddings"]}
    for flag, name in _CAPABILITIES.items():
        if able[name] is None:
            able[name] = known.get(flag, False) if known else name in _USUAL
    return {**found, "capabilities": sorted({"streaming", *(n for n, yes in able.items() if yes)})}


def _priced(
    group: str, params: Section, info: Section, known: Mapping[str, Any], plan: Plan
) -> dict[str, Any]:
    """Return the price: the one that the file states, else the one of litellm's list."""
    stated: dict[str, float] = {}
    for name in _COSTS:
        for section in (info, params):
            if (cost := section.number(name)) is not None:
                stated[name] = cost
    if stated:
        costs = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, **stated}
        price = price_of(costs)
    else:
        price = price_of(known)
    if price is None:
        plan.changed(
            info.place("input_cost_per_token"),
            f"no price of '{group}' is known: it costs nothing in reports and budgets",
        )
        return {}
    return {"price": price.model_dump(mode="json", exclude_defaults=True)}


def _parameters(params: Section, provider: str) -> dict[str, Any]:
    names = _FIELDS | _ARGUMENTS if provider == "litellm" else _FIELDS
    return {name: value for name in sorted(names) if (value := params.take(name)) is not None}


def _share(params: Section, plan: Plan) -> float | None:
    found = {name: params.number(name) for name in _SHARES}
    for name in ("rpm", "tpm"):
        if found[name] is not None:
            plan.changed(
                params.place(name),
                "a share of the calls, not a limit: limits are those of tenants and keys",
            )
    return next((value for name in _SHARES if (value := found[name])), None)


def _endpoint(params: Section, url: str | None, provider: str) -> tuple[dict[str, Any], str | None]:
    """Return where a deployment is, and its key if that stands in the file."""
    endpoint: dict[str, Any] = {}
    if url is not None:
        endpoint["url"] = url.rstrip("/")
    elif provider == "openai":
        endpoint["url"] = _OPENAI_URL
    key = params.text("api_key")
    variable = variable_of(key) if key else None
    if key is None and endpoint.get("url") == _OPENAI_URL:
        variable = "OPENAI_API_KEY"
    if variable is not None:
        endpoint["api_key"] = {"env": variable}
    headers = params.take("extra_headers")
    if headers:
        endpoint["headers"] = {str(name): str(value) for name, value in dict(headers).items()}
    return endpoint, key if key and variable is None else None
