"""Checks of the experts: prices, secrets, and whether they answer. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from experts.catalogue.expert import Expert, SecretRef
from orchestrator.cli.doctor.findings import Finding, State, named

Outcome = Literal["answers", "misses", "refuses", "fails", "silent", "wrong", "untried"]
"""Of a try: it answers; it answers and does not know the model; it refuses the key; it answers with an error;
it cannot be reached; the entry is wrong; nobody tried."""

_SAID: dict[Outcome, tuple[State, str, str]] = {
    "misses": ("warning", "does not know the model", "Correct 'model' of {ids}, or load the model there."),
    "refuses": ("error", "refuses the key", "Set another key: coe secrets set NAME, or the variable it names."),
    "fails": ("warning", "answers with an error", "See what its operator says; other experts stand in for {ids}."),
    "silent": ("error", "cannot be reached", "See that it runs, and that this machine reaches it."),
    "wrong": ("error", "cannot be called", "Correct the entry of {ids}."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying a place where experts are.

    Args:
        place: Its address, or what else it is called.
        experts: Ids of those who are there.
        outcome: What came of it.
        detail: More of it: a status, an error, the model.
    """

    place: str
    experts: tuple[str, ...]
    outcome: Outcome
    detail: str = ""


def check_catalogue(enabled: Sequence[Expert], stored: int, readable: int) -> Finding:
    """Tell whether there is anybody to answer.

    Args:
        enabled: The experts that are enabled.
        stored: Entries there are.
        readable: Those of them that this version can read.
    """
    if readable < stored:
        seen = f"{stored - readable} of {stored} entries cannot be read by this version."
        advice = "Run the version that wrote them, or write them anew; the log names them."
        return Finding("catalogue", "error", seen, advice)
    if not enabled:
        advice = "Add one: coe experts apply experts.yaml"
        return Finding("catalogue", "warning", "No expert is enabled.", advice)
    return Finding("catalogue", "ok", f"{len(enabled)} of {stored} experts are enabled.")


def check_prices(enabled: Sequence[Expert]) -> list[Finding]:
    """Tell of prices that look forgotten: what has none counts as free for budgets and for the router."""
    free = [one.id for one in enabled if _is_sold(one) and not _has_price(one)]
    half = [one.id for one in enabled if not one.embeds and _is_half_priced(one)]
    found = []
    if free:
        found.append(
            Finding(
                "prices",
                "warning",
                f"Without a price, but with a key or a vendor: {named(free)}.",
                "Set 'price' in their entries: budgets, reports and the router take them for free.",
            )
        )
    if half:
        found.append(
            Finding(
                "prices",
                "warning",
                f"Only one of 'input' and 'output' has a price: {named(half)}.",
                "Set both, in US dollars per million tokens.",
            )
        )
    return found or [Finding("prices", "ok", "No price looks forgotten.")]


def _is_sold(expert: Expert) -> bool:
    """Tell whether an expert is probably a vendor's: it takes a key, or has its vendor's address."""
    keyed = any(endpoint.api_key is not None for endpoint in expert.endpoints)
    return keyed or (expert.provider == "litellm" and not expert.endpoints)


def _has_price(expert: Expert) -> bool:
    tiers = (*expert.price.tiers, *expert.price.service_tiers)
    return any(rates.input or rates.output for rates in (expert.price, *tiers))


def _is_half_priced(expert: Expert) -> bool:
    return bool(expert.price.input) != bool(expert.price.output)


def check_secrets(
    enabled: Sequence[Expert], problem_of: Callable[[SecretRef], str | None]
) -> list[Finding]:
    """Tell which secrets are missing.

    Args:
        enabled: Who names them.
        problem_of: Says what is wrong with one; ``None``: nothing.
    """
    users: dict[SecretRef, list[str]] = defaultdict(list)
    for expert in enabled:
        for endpoint in expert.endpoints:
            if endpoint.api_key is not None and expert.id not in users[endpoint.api_key]:
                users[endpoint.api_key].append(expert.id)
    found = []
    for reference, ids in users.items():
        problem = problem_of(reference)
        if problem is not None:
            # What is not set here may be set where the service runs.
            state: State = "error" if reference.env is None else "warning"
            advice = "" if reference.env is None else "Set it where the service is started."
            found.append(Finding("secrets", state, f"{problem} Needed by: {named(ids)}.", advice))
    if found:
        return found
    seen = f"{len(users)} secrets are named, and all are there." if users else "None is needed."
    return [Finding("secrets", "ok", seen)]


def check_answers(tried: Iterable[Tried]) -> list[Finding]:
    """Tell who answers and who does not."""
    by_outcome: dict[Outcome, list[Tried]] = defaultdict(list)
    for one in tried:
        by_outcome[one.outcome].append(one)
    found = [_failed(outcome, one) for outcome in _SAID for one in by_outcome.get(outcome, ())]
    good = by_outcome.get("answers", [])
    if good:
        found.append(Finding("experts", "ok", f"{named(_ids(good))} can be reached."))
    untried = _ids(by_outcome.get("untried", []))
    if untried:
        advice = "To ask them a short question, which may be billed: coe doctor --ask"
        found.append(Finding("experts", "note", f"Not tried: {named(untried)}.", advice))
    return found


def _failed(outcome: Outcome, one: Tried) -> Finding:
    state, what, advice = _SAID[outcome]
    ids = named(one.experts)
    detail = f" ({one.detail})" if one.detail else ""
    there = "" if one.experts == (one.place,) else f" Experts there: {ids}."
    seen = f"{one.place} {what}{detail}.{there}"
    return Finding("experts", state, seen, advice.format(ids=ids))


def _ids(tried: Iterable[Tried]) -> list[str]:
    return list(dict.fromkeys(expert for one in tried for expert in one.experts))
