"""The groups of operations, for threads. Thin: what is sent is built in :mod:`.operations`."""

# Written by sync_from_async.py: change the module for coroutines instead.

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from coe_client import operations
from coe_client.operations import ExpertInput, Messages
from coe_client.paging import Pages
from coe_client.streaming import ChatStream
from coe_client.types import (
    ApplyResult,
    ChatCompletion,
    ChatOptions,
    ConfigValue,
    ContentChoice,
    ExpertRecord,
    Feedback,
    FeedbackRecord,
    Model,
    RouterComparison,
    RouterInfo,
    RouterVersion,
    RouterVersionDetail,
    Scores,
    SecretRecord,
)

if TYPE_CHECKING:
    from coe_client.transport import Transport


class _Group:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport


class Chat(_Group):
    """``client.chat``: answers."""

    @overload
    def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: Literal[False] = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatCompletion: ...

    @overload
    def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: Literal[True],
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatStream: ...

    @overload
    def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: bool,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatCompletion | ChatStream: ...

    def create(
        self,
        messages: Messages,
        *,
        model: str = "coe",
        stream: bool = False,
        explain: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatCompletion | ChatStream:
        """Answer a conversation.

        Args:
            messages: The conversation; a plain string stands for one message of the user.
            model: ``coe`` or ``coe-<policy>`` lets the router choose, an expert's id names one.
            stream: Give the answer in pieces as they come.
            explain: Ask for the whole story of the answer, as ``.coe`` or ``.explanation``.
            extra_body: Fields of the request that this package has no name for.
            options: The optional fields of OpenAI's chat completions.

        Raises:
            CoeError: Of the kind that says what went wrong (:mod:`coe_client.errors`).
        """
        request = operations.create_chat(
            messages, model=model, explain=explain, options=options, extra_body=extra_body
        )
        if stream:
            return self._transport.stream(operations.streamed(request))
        return self._transport.send(request)


class Models(_Group):
    """``client.models``: what may be given as ``model``."""

    def list(self) -> Pages[Model]:
        """List policies and experts."""
        return Pages(self._transport.send, operations.list_models)

    def get(self, model_id: str) -> Model:
        """Get one."""
        return self._transport.send(operations.get_model(model_id))


class Experts(_Group):
    """``client.experts``: the catalogue. Needs the role viewer to read and editor to write."""

    def list(self, *, page_size: int | None = None) -> Pages[ExpertRecord]:
        """List the experts in force; ``page_size`` records are fetched at a time."""
        return Pages(self._transport.send, lambda after: operations.list_experts(after, page_size))

    def get(self, expert_id: str) -> ExpertRecord:
        """Get the version of an expert that is in force."""
        return self._transport.send(operations.get_expert(expert_id))

    def create(self, expert: ExpertInput) -> ExpertRecord:
        """Add an expert. Raises ``ConflictError`` where the id is taken."""
        return self._transport.send(operations.create_expert(expert))

    def update(self, expert_id: str, expert: ExpertInput) -> ExpertRecord:
        """Put a new version of an expert in force. Fields left out get their defaults."""
        return self._transport.send(operations.update_expert(expert_id, expert))

    def retire(self, expert_id: str) -> None:
        """Take an expert out of the catalogue. Its history is kept."""
        self._transport.send(operations.retire_expert(expert_id))

    def versions(self, expert_id: str, *, page_size: int | None = None) -> Pages[ExpertRecord]:
        """List every version an expert has had."""
        return Pages(
            self._transport.send,
            lambda after: operations.list_expert_versions(expert_id, after, page_size),
        )

    def rollback(self, expert_id: str, version: int) -> ExpertRecord:
        """Put an old version in force again, as a new one with the old content."""
        return self._transport.send(operations.roll_back_expert(expert_id, version))

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
        return self._transport.send(request)


class Secrets(_Group):
    """``client.secrets``: what experts' endpoints need, kept encrypted. Needs the role admin."""

    def list(self, *, page_size: int | None = None) -> Pages[SecretRecord]:
        """List names; values never leave the service."""
        return Pages(self._transport.send, lambda after: operations.list_secrets(after, page_size))

    def set(self, name: str, value: str) -> None:
        """Store a value under a name, over an old one if there is one."""
        self._transport.send(operations.set_secret(name, value))

    def delete(self, name: str) -> None:
        """Forget a value."""
        self._transport.send(operations.delete_secret(name))


class Router(_Group):
    """``client.router``: categories and mappings. Needs the role viewer."""

    def get(self) -> RouterInfo:
        """Get the router in force."""
        return self._transport.send(operations.get_router())


class Routers(_Group):
    """``client.routers``: router versions. Viewers read, editors add, admins decide."""

    def list(self, *, page_size: int | None = None) -> Pages[RouterVersion]:
        """List versions, the newest first, and last the one that is built in."""
        return Pages(self._transport.send, lambda after: operations.list_routers(after, page_size))

    def get(self, version_id: str) -> RouterVersionDetail:
        """Get a version with its categories, and which of its experts are missing."""
        return self._transport.send(operations.get_router_version(version_id))

    def upload(self, artifact: bytes, *, note: str = "") -> RouterVersion:
        """Store a packed artefact as a candidate; the same content is stored once."""
        return self._transport.send(operations.upload_router(artifact, note))

    def report(self, version_id: str) -> dict[str, Any]:
        """Get the evaluation report a version came with."""
        return self._transport.send(operations.get_router_report(version_id))

    def report_page(self, version_id: str) -> str:
        """Get the same as a page of HTML."""
        return self._transport.send(operations.get_router_report_page(version_id))

    def comparison(self, version_id: str) -> RouterComparison:
        """Get what a version decided as a shadow, beside the live decisions."""
        return self._transport.send(operations.compare_router(version_id))

    def promote(self, version_id: str) -> RouterVersion:
        """Let a version decide. Raises ``ConflictError`` where experts it needs are missing."""
        return self._transport.send(operations.promote_router(version_id))

    def shadow(self, version_id: str, *, share: float = 0.1) -> RouterVersion:
        """Let a version decide beside the live ones, for a share of the requests, unused."""
        return self._transport.send(operations.try_router(version_id, "shadow", share))

    def canary(self, version_id: str, *, share: float) -> RouterVersion:
        """Let a version decide for a share of the requests."""
        return self._transport.send(operations.try_router(version_id, "canary", share))

    def rollback(self) -> RouterVersion:
        """Let the version that was active before decide again."""
        return self._transport.send(operations.roll_back_router())

    def retire(self, version_id: str) -> RouterVersion:
        """Take a version out of use; it is kept."""
        return self._transport.send(operations.retire_router(version_id))


class Opinions(_Group):
    """``client.feedback``: what answers were worth."""

    def give(
        self,
        request_id: str,
        *,
        rating: float | None = None,
        scale: str | None = None,
        corrected_category: str | None = None,
        preferred_answer: str | None = None,
        preferred_request: str | None = None,
    ) -> Feedback:
        """Say what an answer was worth. Said again, it replaces what was said before.

        Args:
            request_id: Of the answer: ``answer.route.request_id``.
            rating: -1 (bad) to 1 (good), or 1 to 5 with the scale ``stars``.
            scale: ``unit`` (the default) or ``stars``.
            corrected_category: The category the request should have gone to.
            preferred_answer: A better answer. Its text is stored only where the tenant opted in.
            preferred_request: Another request, whose answer to the same was better.
        """
        request = operations.give_feedback(
            request_id,
            rating=rating,
            scale=scale,
            corrected_category=corrected_category,
            preferred_answer=preferred_answer,
            preferred_request=preferred_request,
        )
        return self._transport.send(request)

    def list(self, *, page_size: int | None = None) -> Pages[FeedbackRecord]:
        """List feedback, the newest first. Needs the role viewer."""
        return Pages(self._transport.send, lambda after: operations.list_feedback(after, page_size))

    def scores(self) -> Scores:
        """Get the candidate scores as they were last computed. Needs the role viewer."""
        return self._transport.send(operations.list_feedback_scores())

    def compute_scores(self, *, days: int | None = None) -> Scores:
        """Compute the candidate scores anew. Needs the role editor."""
        return self._transport.send(operations.compute_feedback_scores(days))

    def export(self, *, days: int | None = None) -> str:
        """Get the prompts of judged requests with scores, as JSON lines. Needs the role editor.

        ``coe router train --data`` reads them. Only prompts of tenants that opted in are stored.
        """
        return self._transport.send(operations.export_feedback(days))

    def stores_content(self, tenant: str) -> ContentChoice:
        """Tell whether texts of a tenant's callers are stored. Needs the role viewer."""
        return self._transport.send(operations.get_content_choice(tenant))

    def store_content(
        self,
        tenant: str,
        *,
        store: bool | None = None,
        level: str | None = None,
        retention_days: int | None = None,
        patterns: Sequence[str] = (),
    ) -> ContentChoice:
        """Choose what is stored of what a tenant's callers and experts say. Needs the role admin.

        What is not to be stored any more is erased.

        Args:
            tenant: Its id.
            store: Short for the levels ``prompts`` and ``off``.
            level: ``off``, ``prompts`` or ``all``, in place of ``store``.
            retention_days: How long it is kept; ``None``: until the tenant opts out.
            patterns: Regular expressions of what is blotted out beside what always is.
        """
        wanted = operations.set_content_choice(
            tenant, store=store, level=level, retention_days=retention_days, patterns=patterns
        )
        return self._transport.send(wanted)


class Config(_Group):
    """``client.config``: the service's settings. Needs the role admin."""

    def list(self, *, page_size: int | None = None) -> Pages[ConfigValue]:
        """List settings and where each value came from; secrets are hidden by the service."""
        return Pages(self._transport.send, lambda after: operations.list_config(after, page_size))
