"""A whole file: every key of it is carried over or reported by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experts.catalogue.entries import parse_entries
from experts.catalogue.errors import CatalogueInvalid
from experts.catalogue.expert import RESERVED_IDS
from orchestrator.importing.litellm import deployments
from orchestrator.importing.litellm.groups import grouped
from orchestrator.importing.litellm.routing import read_routing
from orchestrator.importing.litellm.serving import read_serving
from orchestrator.importing.plan import ConfigInvalid, Plan, Section


def convert(document: Any, environ: Mapping[str, str]) -> Plan:
    """Turn a configuration of litellm's proxy into a plan.

    Args:
        document: The file as plain data.
        environ: Has the addresses that the file keeps in the environment; keys are not looked up.

    Raises:
        ConfigInvalid: If it is no such configuration.
    """
    plan, whole = Plan(), Section("", document)
    models = whole.items("model_list")
    if not models:
        raise ConfigInvalid("there is no model in 'model_list'")
    read = (
        deployments.read(f"model_list[{index}]", content, plan, environ)
        for index, content in enumerate(models)
    )
    groups = grouped([one for one in read if one is not None and _callable(one, plan)], plan)
    settings, router = whole.section("litellm_settings"), whole.section("router_settings")
    general = whole.section("general_settings")
    read_routing(router, settings, groups, plan)
    read_serving(settings, general, groups, plan)
    variables = whole.section("environment_variables")
    for left in variables.left():
        plan.changed(left, "set it in the service's environment")
    for section in (whole, settings, router, general):
        for left in section.left():
            plan.unsupported(left)
    plan.experts = [expert for group in groups.values() for expert in group]
    _check(plan)
    return plan


def _callable(one: deployments.Deployment, plan: Plan) -> bool:
    if not RESERVED_IDS.fullmatch(one.group):
        return True
    plan.unsupported(
        f"model_list ({one.group})", "left out: 'coe' and 'coe-...' name policies here"
    )
    return False


def _check(plan: Plan) -> None:
    if not plan.experts:
        raise ConfigInvalid("no model of 'model_list' can be served here")
    try:
        parse_entries(plan.experts)
    except CatalogueInvalid as error:
        first = error.problems[0]
        name = first.id or f"experts[{first.index}]"
        raise ConfigInvalid(
            f"what becomes of '{name}' is wrong: {first.path}: {first.reason}"
        ) from error
