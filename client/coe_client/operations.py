"""Every operation of the API as a :class:`~coe_client.requests.Request`.

The one place that knows paths, methods and bodies; the sync and the async client send what is
built here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from coe_client.errors import APIResponseInvalidError
from coe_client.requests import Answer, Request, as_model, nothing, path_of
from coe_client.types import (
    ApplyResult,
    ChatCompletion,
    ConfigValue,
    ContentChoice,
    Expert,
    ExpertRecord,
    Feedback,
    FeedbackRecord,
    Health,
    Model,
    Page,
    Readiness,
    RouteInfo,
    RouterComparison,
    RouterInfo,
    RouterVersion,
    RouterVersionDetail,
    RoutingDecision,
    Scores,
    SecretRecord,
    WireModel,
)

Message = Mapping[str, Any] | WireModel
Messages = str | Sequence[Message]
"""The conversation, or a string that stands for a single message of the user."""
ExpertInput = Expert | Mapping[str, Any]


# Answering and routing


def create_chat(
    messages: Messages,
    *,
    model: str,
    explain: bool,
    options: Mapping[str, Any],
    extra_body: Mapping[str, Any] | None,
) -> Request[ChatCompletion]:
    """Ask for a whole answer. Not repeatable: each answer costs."""
    body: dict[str, Any] = {"model": model, "messages": _conversation(messages)}
    body |= {name: value for name, value in options.items() if value is not None}
    if explain:
        body["coe"] = {"explain": True}
    body |= extra_body or {}
    return Request("POST", "/v1/chat/completions", _read_chat, body, repeatable=False)


def streamed(request: Request[ChatCompletion]) -> Request[ChatCompletion]:
    """Ask for the same answer in pieces."""
    body = {**request.body, "stream": True}
    return replace(request, body=body, content_type="text/event-stream")


def route(
    request: Messages,
    *,
    model: str | None,
    tools: Sequence[Mapping[str, Any]] | None,
    response_format: Mapping[str, Any] | None,
) -> Request[RoutingDecision]:
    """Ask where a request would go, without answering it."""
    body: dict[str, Any] = (
        {"input": request} if isinstance(request, str) else {"messages": list(request)}
    )
    optional = {"model": model, "tools": tools, "response_format": response_format}
    body |= {name: value for name, value in optional.items() if value is not None}
    return Request("POST", "/v1/route", as_model(RoutingDecision), body)


def list_models(after: str | None = None) -> Request[Page[Model]]:
    """List what may be given as ``model``."""
    return Request("GET", path_of("v1", "models", query={"after": after}), as_model(Page[Model]))


def get_model(model_id: str) -> Request[Model]:
    """Get one model."""
    return Request("GET", path_of("v1", "models", model_id), as_model(Model))


# Experts


def list_experts(after: str | None = None, limit: int | None = None) -> Request[Page[ExpertRecord]]:
    """List the catalogue."""
    return Request("GET", _admin("experts", after=after, limit=limit), as_model(Page[ExpertRecord]))


def get_expert(expert_id: str) -> Request[ExpertRecord]:
    """Get the version of an expert that is in force."""
    return Request("GET", _admin("experts", expert_id), as_model(ExpertRecord))


def create_expert(expert: ExpertInput) -> Request[ExpertRecord]:
    """Add an expert."""
    return Request(
        "POST", _admin("experts"), as_model(ExpertRecord), _entry(expert), repeatable=False
    )


def update_expert(expert_id: str, expert: ExpertInput) -> Request[ExpertRecord]:
    """Put a new version in force. Sent twice it would make two versions."""
    return Request(
        "PUT",
        _admin("experts", expert_id),
        as_model(ExpertRecord),
        _entry(expert),
        repeatable=False,
    )


def retire_expert(expert_id: str) -> Request[None]:
    """Take an expert out of the catalogue. Sent twice the second answer would be "not found"."""
    return Request("DELETE", _admin("experts", expert_id), nothing, repeatable=False)


def list_expert_versions(
    expert_id: str, after: str | None = None, limit: int | None = None
) -> Request[Page[ExpertRecord]]:
    """List what an expert has been."""
    path = _admin("experts", expert_id, "versions", after=after, limit=limit)
    return Request("GET", path, as_model(Page[ExpertRecord]))


def roll_back_expert(expert_id: str, version: int) -> Request[ExpertRecord]:
    """Put an old version in force again, as a new one."""
    path = _admin("experts", expert_id, "rollback")
    return Request("POST", path, as_model(ExpertRecord), {"version": version}, repeatable=False)


def apply_experts(
    experts: Iterable[ExpertInput], *, prune: bool, dry_run: bool
) -> Request[ApplyResult]:
    """Make the catalogue what is given. Only the dry run gives the same answer twice."""
    entries = [_entry(expert) for expert in experts]
    body = {"experts": entries, "prune": prune, "dry_run": dry_run}
    return Request(
        "POST", _admin("experts", "apply"), as_model(ApplyResult), body, repeatable=dry_run
    )


# Secrets


def list_secrets(after: str | None = None, limit: int | None = None) -> Request[Page[SecretRecord]]:
    """List the names of stored secrets."""
    return Request("GET", _admin("secrets", after=after, limit=limit), as_model(Page[SecretRecord]))


def set_secret(name: str, value: str) -> Request[None]:
    """Store a secret."""
    return Request("PUT", _admin("secrets", name), nothing, {"value": value})


def delete_secret(name: str) -> Request[None]:
    """Forget a secret."""
    return Request("DELETE", _admin("secrets", name), nothing, repeatable=False)


# Router versions and feedback


def list_routers(
    after: str | None = None, limit: int | None = None
) -> Request[Page[RouterVersion]]:
    """List router versions."""
    path = _admin("routers", after=after, limit=limit)
    return Request("GET", path, as_model(Page[RouterVersion]))


def upload_router(artifact: bytes, note: str) -> Request[RouterVersion]:
    """Store an artefact. The same content is stored once, so it may be sent again."""
    path = _admin("routers", note=note or None)
    return Request("POST", path, as_model(RouterVersion), bytes(artifact))


def get_router_version(version_id: str) -> Request[RouterVersionDetail]:
    """Get a router version."""
    return Request("GET", _admin("routers", version_id), as_model(RouterVersionDetail))


def get_router_report(version_id: str) -> Request[dict[str, Any]]:
    """Get the evaluation report of a router version."""
    return Request("GET", _admin("routers", version_id, "report"), _read_object)


def get_router_report_page(version_id: str) -> Request[str]:
    """Get the same as a page of HTML."""
    path = _admin("routers", version_id, "report", format="html")
    return Request("GET", path, _read_text, content_type="text/html")


def compare_router(version_id: str) -> Request[RouterComparison]:
    """Get what a shadow decided beside the live decisions."""
    path = _admin("routers", version_id, "comparison")
    return Request("GET", path, as_model(RouterComparison))


def promote_router(version_id: str) -> Request[RouterVersion]:
    """Let a router version decide. Sent again it changes nothing more."""
    return Request("POST", _admin("routers", version_id, "promote"), as_model(RouterVersion))


def try_router(version_id: str, how: str, share: float) -> Request[RouterVersion]:
    """Make a router version a ``shadow`` or a ``canary``."""
    path = _admin("routers", version_id, how)
    return Request("POST", path, as_model(RouterVersion), {"share": share})


def retire_router(version_id: str) -> Request[RouterVersion]:
    """Take a router version out of use."""
    return Request("POST", _admin("routers", version_id, "retire"), as_model(RouterVersion))


def roll_back_router() -> Request[RouterVersion]:
    """Let the router version before decide again. Sent twice it would go back two steps."""
    path = _admin("routers", "rollback")
    return Request("POST", path, as_model(RouterVersion), repeatable=False)


def give_feedback(request_id: str, **said: Any) -> Request[Feedback]:
    """Say what an answer was worth."""
    body = {"request_id": request_id}
    body |= {name: value for name, value in said.items() if value is not None}
    return Request("POST", path_of("v1", "feedback"), as_model(Feedback), body)


def list_feedback(
    after: str | None = None, limit: int | None = None
) -> Request[Page[FeedbackRecord]]:
    """List feedback."""
    path = _admin("feedback", after=after, limit=limit)
    return Request("GET", path, as_model(Page[FeedbackRecord]))


def list_feedback_scores() -> Request[Scores]:
    """Get the candidate scores as they were last computed."""
    return Request("GET", _admin("feedback", "scores"), as_model(Scores))


def compute_feedback_scores(days: int | None) -> Request[Scores]:
    """Compute the candidate scores anew."""
    return Request("POST", _admin("feedback", "scores", days=days), as_model(Scores))


def export_feedback(days: int | None) -> Request[str]:
    """Get what feedback says as a data set of JSON lines."""
    path = _admin("feedback", "export", days=days)
    return Request("GET", path, _read_text, content_type="application/x-ndjson")


def get_content_choice(tenant: str) -> Request[ContentChoice]:
    """Ask whether texts of a tenant's callers are stored."""
    return Request("GET", _admin("feedback", "content", tenant), as_model(ContentChoice))


def set_content_choice(
    tenant: str,
    *,
    store: bool | None = None,
    level: str | None = None,
    retention_days: int | None = None,
    patterns: Sequence[str] = (),
) -> Request[ContentChoice]:
    """Store what a tenant's callers and experts say, or erase it."""
    body: dict[str, Any] = {"retention_days": retention_days, "patterns": list(patterns)}
    body |= {"level": level} if level is not None else {"store": store}
    path = _admin("feedback", "content", tenant)
    return Request("PUT", path, as_model(ContentChoice), body)


# Router, settings, health


def get_router() -> Request[RouterInfo]:
    """Get the router in force."""
    return Request("GET", _admin("router"), as_model(RouterInfo))


def list_config(after: str | None = None, limit: int | None = None) -> Request[Page[ConfigValue]]:
    """List the service's settings."""
    return Request("GET", _admin("config", after=after, limit=limit), as_model(Page[ConfigValue]))


def get_health() -> Request[Health]:
    """Ask whether the process answers."""
    return Request("GET", "/healthz", as_model(Health))


def get_readiness() -> Request[Readiness]:
    """Ask whether the service can work. "Not ready" is an answer, not an error."""
    return Request("GET", "/readyz", _read_readiness, accept=frozenset({503}))


def _admin(*segments: str, **query: str | int | None) -> str:
    return path_of("admin", "api", *segments, query=query)


def _conversation(messages: Messages) -> list[Message]:
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    return list(messages)


def _entry(expert: ExpertInput) -> dict[str, Any]:
    if isinstance(expert, WireModel):
        return expert.model_dump(mode="json", exclude_unset=True)
    return dict(expert)


def _read_chat(answer: Answer) -> ChatCompletion:
    completion = as_model(ChatCompletion)(answer)
    completion.attach_route(RouteInfo.from_headers(answer.headers))
    return completion


def _read_object(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except ValueError as error:
        raise _not_an_object(answer) from error
    if not isinstance(document, dict):
        raise _not_an_object(answer)
    return document


def _not_an_object(answer: Answer) -> APIResponseInvalidError:
    return APIResponseInvalidError(
        "The service's answer is not a JSON object.", request_id=answer.request_id
    )


def _read_text(answer: Answer) -> str:
    return answer.body.decode("utf-8", errors="replace")


def _read_readiness(answer: Answer) -> Readiness:
    readiness = as_model(Readiness)(answer)
    return readiness.model_copy(update={"ready": answer.status == 200})
