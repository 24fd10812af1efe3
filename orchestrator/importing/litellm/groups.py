"""Deployments of one model name: an expert with several endpoints, or experts asked in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experts.discovery.slugs import MAX_ID_CHARS, slug
from orchestrator.importing.litellm.deployments import Deployment
from orchestrator.importing.plan import Plan

Groups = dict[str, list[dict[str, Any]]]
"""Experts by the name that callers use, in the order in which they are asked."""


def grouped(deployments: Sequence[Deployment], plan: Plan) -> Groups:
    """Return the experts of all names.

    Deployments that differ in nothing but their place are endpoints of one expert. Of those that
    differ otherwise, the first has the name, and the others are its fallbacks.

    Args:
        deployments: In the order of the file.
        plan: Is given the keys to store, and told what is not carried over.
    """
    by_name: dict[str, list[Deployment]] = {}
    for one in deployments:
        by_name.setdefault(one.group, []).append(one)
    taken: set[str] = set()
    groups: Groups = {}
    # Names that are ids already keep theirs, whatever stands before them.
    for name in sorted(by_name, key=lambda name: slug("", name) != name):
        alike = _alike(sorted(by_name[name], key=lambda one: one.order))
        groups[name] = [_expert(name, several, taken, plan) for several in alike]
        first, *others = groups[name]
        if first["id"] != name:
            first["aliases"] = [name]
        if others:
            first["fallbacks"] = [other["id"] for other in others]
            plan.changed(
                f"model_list ({name})",
                "its deployments differ: they are asked in turn, the next where one fails, "
                "and not in shares",
            )
    return {name: groups[name] for name in by_name}


def _alike(deployments: Sequence[Deployment]) -> list[list[Deployment]]:
    found: list[list[Deployment]] = []
    for one in deployments:
        for several in found:
            if (several[0].entry, several[0].order) == (one.entry, one.order):
                several.append(one)
                break
        else:
            found.append([one])
    return found


def _expert(
    name: str, deployments: Sequence[Deployment], taken: set[str], plan: Plan
) -> dict[str, Any]:
    id_ = _free_id(name, taken)
    endpoints = []
    for number, (one, weight) in enumerate(zip(deployments, _weights(deployments), strict=True), 1):
        endpoint = dict(one.endpoint)
        if one.key is not None:
            stored = f"litellm-{id_}"[:60] + (f"-{number}" if number > 1 else "")
            plan.secrets[stored] = one.key
            endpoint["api_key"] = {"stored": stored}
        if weight != 1.0:
            endpoint["weight"] = weight
        if endpoint:
            endpoints.append(endpoint)
    entry = {"id": id_, **deployments[0].entry}
    return {**entry, "endpoints": endpoints} if endpoints else entry


def _weights(deployments: Sequence[Deployment]) -> list[float]:
    """Return shares of the calls from 0 to 1; all alike unless each deployment states one."""
    shares = [one.share for one in deployments if one.share is not None]
    if len(shares) < len(deployments) or len(shares) == 1:
        return [1.0] * len(deployments)
    return [round(share / max(shares), 6) or 1e-6 for share in shares]


def _free_id(name: str, taken: set[str]) -> str:
    id_, number = slug("", name), 1
    while id_ in taken:
        number += 1
        ending = f"-{number}"
        id_ = slug("", name)[: MAX_ID_CHARS - len(ending)] + ending
    taken.add(id_)
    return id_


def add_fallbacks(groups: Groups, name: str, others: Sequence[str]) -> list[str]:
    """Have other names asked where one fails; returns those that there are not.

    Args:
        groups: The experts.
        name: Of whom; one that there is.
        others: Names, in the order in which they are asked.
    """
    first = groups[name][0]
    wanted: dict[str, None] = dict.fromkeys(first.get("fallbacks", ()))
    unknown = []
    for other in others:
        if other not in groups:
            unknown.append(other)
        elif other != name:
            wanted.update(dict.fromkeys(expert["id"] for expert in groups[other]))
    if wanted:
        first["fallbacks"] = list(wanted)
    return unknown


def ids_of(groups: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str]) -> list[str]:
    """Return the ids of all experts of some names."""
    return [expert["id"] for name in names for expert in groups.get(name, ())]
