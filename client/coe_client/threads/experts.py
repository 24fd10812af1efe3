"""``client.experts`` and ``client.secrets``, for threads."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Iterable

from coe_client.operations import experts as operations
from coe_client.operations import trials
from coe_client.operations.experts import ExpertInput
from coe_client.paging import Pages
from coe_client.threads.group import Group
from coe_client.types import (
    Admission,
    AdmissionEvidence,
    AdmissionRule,
    ApplyResult,
    ExpertRecord,
    SecretRecord,
    Trial,
)


class Experts(Group):
    """``client.experts``: the catalogue. Needs the role viewer to read and editor to write."""

    def list(self, *, page_size: int | None = None) -> Pages[ExpertRecord]:
        """List the experts in force; ``page_size`` records are fetched at a time."""
        return self._pages(lambda after: operations.list_experts(after, page_size))

    def get(self, expert_id: str) -> ExpertRecord:
        """Get the version of an expert that is in force."""
        return self._send(operations.get_expert(expert_id))

    def create(self, expert: ExpertInput) -> ExpertRecord:
        """Add an expert. Raises ``ConflictError`` where the id is taken."""
        return self._send(operations.create_expert(expert))

    def update(
        self, expert_id: str, expert: ExpertInput, *, expected_version: int | None = None
    ) -> ExpertRecord:
        """Put a new version of an expert in force. Fields left out get their defaults.

        Args:
            expert_id: Its id.
            expert: All of it.
            expected_version: Raise ``ConflictError`` where another version is in force by now.
        """
        return self._send(operations.update_expert(expert_id, expert, expected_version))

    def retire(self, expert_id: str) -> None:
        """Take an expert out of the catalogue. Its history is kept."""
        self._send(operations.retire_expert(expert_id))

    def versions(self, expert_id: str, *, page_size: int | None = None) -> Pages[ExpertRecord]:
        """List every version an expert has had."""
        return self._pages(
            lambda after: operations.list_expert_versions(expert_id, after, page_size),
        )

    def rollback(self, expert_id: str, version: int) -> ExpertRecord:
        """Put an old version in force again, as a new one with the old content."""
        return self._send(operations.roll_back_expert(expert_id, version))

    def apply(
        self, experts: Iterable[ExpertInput], *, prune: bool = False, dry_run: bool = False
    ) -> ApplyResult:
        """Make the catalogue what is given: all of it or, after an error, nothing.

        Args:
            experts: The entries.
            prune: Retire experts that are not among them.
            dry_run: Only tell what would change.
        """
        request = operations.apply_experts(experts, prune=prune, dry_run=dry_run)
        return self._send(request)

    def try_out(
        self, expert: ExpertInput, message: str | None = None, *, max_tokens: int | None = None
    ) -> Trial:
        """Ask an entry one question, once, and save nothing. Needs the role admin; it costs what it costs.

        Where it does not answer, that is told as ``error``; what could not be saved raises as saving it would.

        Args:
            expert: The entry, as it would be saved.
            message: What it is asked; ``None``: something short.
            max_tokens: Of the answer, at the most.
        """
        return self._send(trials.try_expert(expert, message, max_tokens))

    def admissions(self, expert_id: str, *, page_size: int | None = None) -> Pages[Admission]:
        """List what was decided on an expert by graded prompts, the latest first. Needs viewer."""
        return self._pages(lambda after: trials.list_admissions(expert_id, after, page_size))

    def record_admission(
        self,
        expert_id: str,
        *,
        admitted: bool,
        rule: AdmissionRule,
        evidence: AdmissionEvidence,
        version: int | None = None,
    ) -> Admission:
        """Keep a decision on an expert, as ``coe evaluate admit --record`` does. Needs editor.

        Args:
            expert_id: On whom.
            admitted: What was decided.
            rule: When an expert is admitted.
            evidence: What was seen of it.
            version: Of the entry that was asked; ``None``: the one in force.
        """
        request = trials.record_admission(
            expert_id, admitted=admitted, rule=rule, evidence=evidence, version=version
        )
        return self._send(request)


class Secrets(Group):
    """``client.secrets``: what experts' endpoints need, kept encrypted. Needs the role admin."""

    def list(self, *, page_size: int | None = None) -> Pages[SecretRecord]:
        """List names; values never leave the service."""
        return self._pages(lambda after: operations.list_secrets(after, page_size))

    def set(self, name: str, value: str) -> None:
        """Store a value under a name, over an old one if there is one."""
        self._send(operations.set_secret(name, value))

    def delete(self, name: str) -> None:
        """Forget a value."""
        self._send(operations.delete_secret(name))
