"""What an entry of the audit log is about, in words."""

from __future__ import annotations

import re
from typing import NamedTuple


class _Rule(NamedTuple):
    methods: str
    path: re.Pattern[str]
    text: str


def _rule(methods: str, path: str, text: str) -> _Rule:
    """Return a rule; ``{}`` in the path stands for an id, which the text may name by its place."""
    return _Rule(methods, re.compile(path.replace("{}", "([^/]+)") + r"/?"), text)


_RULES = (
    _rule("POST", "experts", "Added an expert"),
    _rule("POST", "experts/apply", "Applied a catalogue of experts"),
    _rule("PUT", "experts/{}", "Changed the expert {0}"),
    _rule("DELETE", "experts/{}", "Removed the expert {0}"),
    _rule("POST", "experts/{}/rollback", "Rolled the expert {0} back"),
    _rule("PUT", "secrets/{}", "Stored the secret {0}"),
    _rule("DELETE", "secrets/{}", "Removed the secret {0}"),
    _rule("POST", "keys", "Made a key"),
    _rule("PATCH", "keys/{}", "Changed what the key {0} may use"),
    _rule("POST", "keys/{}/rotate", "Rotated the key {0}"),
    _rule("DELETE", "keys/{}", "Revoked the key {0}"),
    _rule("PUT", "tenants/{}", "Changed the tenant {0}"),
    _rule("PUT", "limits/tenants/{}", "Set limits of the tenant {0}"),
    _rule("DELETE", "limits/tenants/{}", "Took the limits of the tenant {0} away"),
    _rule("PUT", "limits/keys/{}", "Set limits of the key {0}"),
    _rule("DELETE", "limits/keys/{}", "Took the limits of the key {0} away"),
    _rule("POST", "routers", "Stored a router version"),
    _rule("POST", "routers/rollback", "Rolled the router back"),
    _rule("POST", "routers/{}/promote", "Promoted the router version {0}"),
    _rule("POST", "routers/{}/shadow", "Let the router version {0} decide beside"),
    _rule("POST", "routers/{}/canary", "Let the router version {0} decide for a share"),
    _rule("POST", "routers/{}/retire", "Retired the router version {0}"),
    _rule("POST", "routers/{}/taxonomy", "Made a router version with other categories"),
    _rule(
        "POST", "routers/{}/policies/{}/budget", "Made a router version with another budget for {1}"
    ),
    _rule("PUT", "cache/tenants/{}", "Set how answers of {0} are kept"),
    _rule("DELETE", "cache/tenants/{}", "Let answers of {0} be kept as usual"),
    _rule("POST", "cache/tenants/{}/purge", "Let kept answers of {0} go"),
    _rule("PUT", "strategies/assignments", "Assigned a strategy"),
    _rule("DELETE", "strategies/assignments/{}", "Took the assignment of a strategy back"),
    _rule("POST", "breakers/reset", "Closed circuit breakers"),
    _rule("POST", "residency/{}", "Local models: {0}"),
    _rule("POST", "jobs", "Started a job"),
    _rule("POST", "jobs/{}/cancel", "Cancelled the job {0}"),
    _rule("POST", "jobs/{}/requeue", "Had failed items of the job {0} tried again"),
    _rule("POST", "jobs/schedule/{}/run", "Had the task {0} done at once"),
    _rule("DELETE", "sessions/{}", "Ended the session {0}"),
    _rule("DELETE", "lessons/{}", "Forgot the lesson {0}"),
)
_ACTION = re.compile(r"([A-Z]+) /admin/api/(\S+)")


def in_words(action: str) -> str | None:
    """Return what an action was, such as ``Promoted the router version rv_1``; ``None``: it is not known.

    Args:
        action: As in the log: a method and a path, or words already.
    """
    match = _ACTION.fullmatch(action)
    if match is None:
        return None
    method, path = match[1], match[2].partition("?")[0]
    for rule in _RULES:
        found = rule.path.fullmatch(path) if method in rule.methods.split() else None
        if found is not None:
            return rule.text.format(*found.groups())
    return None
