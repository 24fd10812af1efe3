"""``litellm_settings`` and ``general_settings``: caches, budgets, tenants, what is logged."""

from __future__ import annotations

import re
from typing import Any

from experts.catalogue.expert import SLUG
from orchestrator.importing.litellm.groups import Groups, ids_of
from orchestrator.importing.plan import Plan, Section

DEFAULT_TENANT = "default"
_DAY = re.compile(r"1d|24h|86400s?")
_MONTH = re.compile(r"(28|29|30|31)d|1mo")
_ALREADY = {
    "drop_params": "parameters that a vendor does not know are always left out",
    "set_verbose": "COE_LOG_LEVEL=debug",
    "num_retries": "failures that may pass are tried again within a budget of retries",
    "telemetry": "nothing is sent home",
    "turn_off_message_logging": "what is said is stored only for tenants that opt in",
    "allowed_fails": "circuit breakers decide by the share of failures",
}
_CALLBACKS = {
    "prometheus": "/metrics is always there",
    "otel": "set COE_OTLP_ENDPOINT",
}
_GENERAL = {
    "database_url": "DATABASE_URL names the service's Postgres; records are not taken over",
    "master_key": "keys are sk-coe-... here: `coe keys create` makes them, COE_ADMIN_KEY sets the first",
    "store_model_in_db": "the catalogue is in the database",
    "salt_key": "COE_SECRET_KEY encrypts what is stored",
}


def read_serving(settings: Section, general: Section, groups: Groups, plan: Plan) -> None:
    """Carry over what concerns the whole service.

    Args:
        settings: ``litellm_settings``.
        general: ``general_settings``.
        groups: The experts by the names that callers use.
        plan: Is given settings, tenants and limits, and told what is not carried over.

    Raises:
        ConfigInvalid: If something is malformed.
    """
    _cache(settings, plan)
    _callbacks(settings, plan)
    if (timeout := settings.number("request_timeout")) is not None:
        plan.settings.setdefault("COE_REQUEST_TIMEOUT", f"{timeout:g}")
    if (size := general.number("max_request_size_mb")) is not None:
        plan.settings["COE_MAX_BODY_BYTES"] = str(int(size * 1024 * 1024))
    _limits(settings, general, plan)
    _teams(settings, groups, plan)
    for section, known in ((settings, _ALREADY), (general, _GENERAL)):
        for key, what in known.items():
            if section.take(key) is not None:
                plan.changed(section.place(key), what)


def _cache(settings: Section, plan: Plan) -> None:
    on, params = settings.flag("cache"), settings.section("cache_params")
    if on:
        mode = params.text("mode")
        plan.settings["COE_CACHE"] = "asked" if mode == "default_off" else "on"
    elif on is False:
        plan.settings["COE_CACHE"] = "off"
    if (seconds := params.number("ttl")) is not None:
        plan.settings["COE_CACHE_SECONDS"] = f"{seconds:g}"
    kind = params.text("type")
    if kind is not None and kind != "redis":
        plan.changed(params.place("type"), f"answers are kept in Redis, not in '{kind}'")
    for key in ("host", "port", "password", "url"):
        if params.take(key) is not None:
            plan.changed(params.place(key), "REDIS_URL names the service's Redis")
    for left in params.left():
        plan.unsupported(left)


def _callbacks(settings: Section, plan: Plan) -> None:
    for key in ("callbacks", "success_callback", "failure_callback"):
        wanted = settings.take(key) or []
        for name in [wanted] if isinstance(wanted, str) else wanted:
            place = f"{settings.place(key)} ({name})"
            if name in _CALLBACKS:
                plan.changed(place, _CALLBACKS[name])
            else:
                plan.unsupported(place, "nothing is sent there")


def _limits(settings: Section, general: Section, plan: Plan) -> None:
    """Carry over what holds for the whole proxy, as limits of the tenant that keys belong to."""
    budget = _budget(settings, plan)
    for key in ("global_max_parallel_requests", "max_parallel_requests"):
        if (most := general.number(key)) is not None:
            budget["concurrent_requests"] = int(most)
    if budget:
        plan.limits[DEFAULT_TENANT] = budget


def _teams(settings: Section, groups: Groups, plan: Plan) -> None:
    """Make a tenant of each team."""
    usual = settings.section("default_team_params")
    models = usual.items("models")
    limits = _budget(usual, plan)
    for key, limit in (("rpm_limit", "requests_per_minute"), ("tpm_limit", "tokens_per_minute")):
        if (most := usual.number(key)) is not None:
            limits[limit] = int(most)
    for left in usual.left():
        plan.unsupported(left)
    for index, each in enumerate(settings.items("default_team_settings")):
        team = Section(f"{settings.place('default_team_settings')}[{index}]", each)
        name: Any = team.take("team_id")
        tenant = str(name).lower()
        if SLUG.fullmatch(tenant):
            plan.tenants[tenant] = ids_of(groups, models) or None
            if limits:
                plan.limits[tenant] = dict(limits)
        else:
            plan.unsupported(team.place("team_id"), f"'{name}' cannot be a tenant's id")
        for left in team.left():
            plan.unsupported(left)


def _budget(section: Section, plan: Plan) -> dict[str, float]:
    most, duration = section.number("max_budget"), section.take("budget_duration")
    if most is None:
        return {}
    period = str(duration or "")
    if _DAY.fullmatch(period):
        return {"usd_per_day": most}
    if _MONTH.fullmatch(period):
        if period != "1mo":
            plan.changed(section.place("budget_duration"), "calendar months, in UTC")
        return {"usd_per_month": most}
    said = f"of '{period}'" if period else "for all time"
    plan.unsupported(section.place("max_budget"), f"no budget {said}: days and months only")
    return {}
