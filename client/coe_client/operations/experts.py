"""The catalogue and the secrets of its endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from coe_client.requests import Request, admin, as_model, nothing
from coe_client.types import ApplyResult, Expert, ExpertRecord, Page, SecretRecord, WireModel

ExpertInput = Expert | Mapping[str, Any]


def list_experts(after: str | None = None, limit: int | None = None) -> Request[Page[ExpertRecord]]:
    """List the catalogue."""
    return Request("GET", admin("experts", after=after, limit=limit), as_model(Page[ExpertRecord]))


def get_expert(expert_id: str) -> Request[ExpertRecord]:
    """Get the version of an expert that is in force."""
    return Request("GET", admin("experts", expert_id), as_model(ExpertRecord))


def create_expert(expert: ExpertInput) -> Request[ExpertRecord]:
    """Add an expert."""
    return Request(
        "POST", admin("experts"), as_model(ExpertRecord), entry_of(expert), repeatable=False
    )


def update_expert(
    expert_id: str, expert: ExpertInput, expected_version: int | None
) -> Request[ExpertRecord]:
    """Put a new version in force. Sent twice it would make two versions."""
    path = admin("experts", expert_id, expected_version=expected_version)
    return Request("PUT", path, as_model(ExpertRecord), entry_of(expert), repeatable=False)


def retire_expert(expert_id: str) -> Request[None]:
    """Take an expert out of the catalogue. Sent twice the second answer would be "not found"."""
    return Request("DELETE", admin("experts", expert_id), nothing, repeatable=False)


def list_expert_versions(
    expert_id: str, after: str | None = None, limit: int | None = None
) -> Request[Page[ExpertRecord]]:
    """List what an expert has been."""
    path = admin("experts", expert_id, "versions", after=after, limit=limit)
    return Request("GET", path, as_model(Page[ExpertRecord]))


def roll_back_expert(expert_id: str, version: int) -> Request[ExpertRecord]:
    """Put an old version in force again, as a new one."""
    path = admin("experts", expert_id, "rollback")
    return Request("POST", path, as_model(ExpertRecord), {"version": version}, repeatable=False)


def apply_experts(
    experts: Iterable[ExpertInput], *, prune: bool, dry_run: bool
) -> Request[ApplyResult]:
    """Make the catalogue what is given. Only the dry run gives the same answer twice."""
    entries = [entry_of(expert) for expert in experts]
    body = {"experts": entries, "prune": prune, "dry_run": dry_run}
    return Request(
        "POST", admin("experts", "apply"), as_model(ApplyResult), body, repeatable=dry_run
    )


def list_secrets(after: str | None = None, limit: int | None = None) -> Request[Page[SecretRecord]]:
    """List the names of stored secrets."""
    return Request("GET", admin("secrets", after=after, limit=limit), as_model(Page[SecretRecord]))


def set_secret(name: str, value: str) -> Request[None]:
    """Store a secret."""
    return Request("PUT", admin("secrets", name), nothing, {"value": value})


def delete_secret(name: str) -> Request[None]:
    """Forget a secret."""
    return Request("DELETE", admin("secrets", name), nothing, repeatable=False)


def entry_of(expert: ExpertInput) -> dict[str, Any]:
    """Return an entry as it is sent."""
    if isinstance(expert, WireModel):
        return expert.model_dump(mode="json", exclude_unset=True)
    return dict(expert)
