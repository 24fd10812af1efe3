"""Experts before they are used: tried, and admitted or not."""

from __future__ import annotations

from coe_client.operations.experts import ExpertInput, entry_of
from coe_client.requests import Request, admin, as_model, given
from coe_client.types import Admission, AdmissionEvidence, AdmissionRule, Page, Trial


def try_expert(expert: ExpertInput, message: str | None, max_tokens: int | None) -> Request[Trial]:
    """Ask an entry that is not saved. Sent twice it would cost twice."""
    body = {"expert": entry_of(expert), **given(message=message, max_tokens=max_tokens)}
    return Request("POST", admin("trials"), as_model(Trial), body, repeatable=False)


def list_admissions(
    expert_id: str, after: str | None = None, limit: int | None = None
) -> Request[Page[Admission]]:
    """List what was decided on an expert."""
    path = admin("experts", expert_id, "admissions", after=after, limit=limit)
    return Request("GET", path, as_model(Page[Admission]))


def record_admission(
    expert_id: str,
    *,
    admitted: bool,
    rule: AdmissionRule,
    evidence: AdmissionEvidence,
    version: int | None,
) -> Request[Admission]:
    """Keep a decision. Sent twice it would be two."""
    body = {
        "admitted": admitted,
        "version": version,
        "rule": rule.model_dump(mode="json"),
        "evidence": evidence.model_dump(mode="json"),
    }
    path = admin("experts", expert_id, "admissions")
    return Request("POST", path, as_model(Admission), body, repeatable=False)
