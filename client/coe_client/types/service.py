"""The service itself: keys, secrets, usage, router, settings, health."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from pydantic import Field, PrivateAttr

from coe_client.types.base import WireModel
from coe_client.types.routers import InfeasibleBudget
from coe_client.types.routing import RoutingDecision


class KeyRecord(WireModel):
    """An API key as the service remembers it: never the key itself."""

    id: str
    name: str = ""
    prefix: str = ""
    role: str = ""
    tenant: str = ""
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    experts: list[str] | None = None
    """Ids of the experts that may answer; ``None``: all."""
    policies: list[str] | None = None
    """Policies that may be asked for; ``None``: all."""
    previous_until: datetime | None = None
    """Until when the secret before the last rotation still works."""
    created_by: str = ""
    """Id of the key or person that made it."""
    last_used_at: datetime | None = None
    """To the minute."""
    state: str = ""
    """``active``, ``expired``, ``revoked``, or ``suspended`` with its tenant."""


class CreatedKey(KeyRecord):
    """A new API key; the only time the service shows it."""

    key: str = Field(repr=False)


class Me(WireModel):
    """Who is asking."""

    id: str
    """Of the key or person."""
    name: str = ""
    tenant: str = ""
    role: str = ""
    expires_at: datetime | None = None
    experts: list[str] | None = None
    policies: list[str] | None = None
    session_id: str | None = None
    """``None``: the key itself was sent."""


class TenantRecord(WireModel):
    """A tenant: whose keys, limits and records are kept apart."""

    id: str
    name: str = ""
    created_at: datetime | None = None
    suspended_at: datetime | None = None
    """Since when none of its keys works."""
    experts: list[str] | None = None
    policies: list[str] | None = None
    active_keys: int = 0
    """How many of its keys work."""
    last_used_at: datetime | None = None
    """When one of its keys was, to the minute."""


class AuditEntry(WireModel):
    """One entry of the audit log, with what its hash is made of."""

    number: int
    at: datetime
    event: str
    """``asked``, then ``done``, ``refused`` or ``failed``; ``noted`` without a request."""
    actor: str
    actor_name: str = ""
    address: str = ""
    request_id: str = ""
    action: str
    status: int | None = None
    detail: str = "{}"
    """Further facts, as JSON text."""
    previous: str
    hash: str
    target: str = ""
    """What it is about, such as ``keys/key_1``."""
    tenant: str = ""
    """Of who acted, where that is known."""


class AuditFilter(TypedDict, total=False):
    """Which entries of the audit log are meant."""

    actor: str | None
    """Id of a key or person."""
    action: str | None
    """A part of the action."""
    target: str | None
    """What it is about, or above that: ``keys/key_1``, ``tenants/acme``."""
    tenant: str | None
    """By one of this tenant, or about it."""
    event: str | None
    """``asked``, ``done``, ``refused``, ``failed`` or ``noted``."""
    since: datetime | None
    """With a time zone."""
    until: datetime | None
    """With a time zone; the first moment that is not meant."""
    q: str | None
    """A text anywhere in the entry."""


class AuditDetail(AuditEntry):
    """One entry of the audit log, with its facts apart."""

    body: Any = None
    """What was sent, without secrets and shortened."""
    changed: bool = False
    """Whether it is on record what is different since."""
    before: Any = None
    """What differs, as it was; ``None``: there was no such thing."""
    after: Any = None
    """What differs, as it is; ``None``: the thing is gone."""
    asked: int | None = None
    """Number of the entry written before it was done."""
    ended: int | None = None
    """Number of the entry that says how it ended."""


class AuditHead(WireModel):
    """The last entry's number and hash."""

    number: int
    hash: str


class SecretRecord(WireModel):
    """That a secret is stored, and since when; its value never leaves the service."""

    name: str
    updated_at: datetime | None = None


class UsageRecord(WireModel):
    """What one request used and what became of it."""

    request_id: str
    started_at: datetime | None = None
    tenant: str | None = None
    key_id: str | None = None
    api: str | None = None
    model: str | None = None
    policy: str | None = None
    category: str | None = None
    confidence: float | None = None
    """Probability of the category, 0..1."""
    expert: str | None = None
    expert_version: int | None = None
    router_version: str | None = None
    status: str | None = None
    """``ok``, ``failed``, ``blocked``, ``cancelled`` or ``interrupted``."""
    error_code: str | None = None
    streamed: bool | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    """Of the prompt: found in the vendor's cache."""
    cache_write_tokens: int | None = None
    """Of the prompt: put into the vendor's cache."""
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    """Of the answer: spent on reasoning."""
    tokens_estimated: bool | None = None
    """Whether any were counted by the service."""
    cost_usd: float | None = None
    duration_ms: float | None = None
    first_token_ms: float | None = None
    cache: str | None = None
    """``hit``, ``shared``, ``similar`` or ``miss``; ``None`` where the cache had no part in it."""
    saved_tokens: int | None = None
    """Not used, since the answer was kept."""
    saved_usd: float | None = None
    """What these would have cost."""
    session: str | None = None
    """What the caller calls its conversation."""
    endpoint: str | None = None
    """Of the expert's that was called last."""


class UsageDetail(UsageRecord):
    """The same with the decision and what else is only told of one request."""

    decision: RoutingDecision | None = None
    """``None`` where the router made none."""
    attempts: list[dict[str, Any]] | None = None
    """The calls of experts, where it was not just one at the usual price."""
    guardrails: list[dict[str, Any]] | None = None
    """What guardrails did and flagged."""
    timing: dict[str, Any] | None = None
    """In milliseconds: ``stages`` before experts were called, and ``call``, the only one."""


class UsageFilter(TypedDict, total=False):
    """Which requests are meant."""

    tenant: str | None
    """``*``: of all tenants."""
    key: str | None
    """Id of a key."""
    expert: str | None
    category: str | None
    model: str | None
    """What was asked for."""
    policy: str | None
    api: str | None
    """The protocol."""
    status: str | None


class UsageSums(WireModel):
    """What some requests used together."""

    requests: int = 0
    failed: int = 0
    blocked: int = 0
    """By a guardrail."""
    estimated: int = 0
    """Requests with tokens that the service counted."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nanos: int = 0
    """Billionths of a US dollar: exact."""
    cost_usd: float = 0.0


class UsageGroup(UsageSums):
    """What the requests of one group used."""

    group: dict[str, str | None] = Field(default_factory=dict)
    """By what is grouped: its value."""


class UsageReport(WireModel):
    """What was used in a period, by group."""

    object: str = "usage.report"
    start: datetime
    end: datetime
    group_by: list[str] = Field(default_factory=list)
    data: list[UsageGroup] = Field(default_factory=list)
    totals: UsageSums
    """Of all groups, those of other pages included."""
    has_more: bool = False
    next: str | None = None


class RequestContent(WireModel):
    """What was said in a request, redacted."""

    request_id: str
    messages: list[Any] = Field(default_factory=list)
    answer: str | None = None
    """``None`` where only prompts are stored."""


class Category(WireModel):
    """A kind of request the router knows."""

    id: str
    name: str = ""
    description: str = ""
    examples: int | None = None
    """How many example prompts it was learned from."""


class TriedVersion(WireModel):
    """A router version that decides for a share of the requests, or beside them."""

    id: str
    version: str = ""
    share: float | None = None


class LoadFailure(WireModel):
    """A router version that should decide something but cannot be loaded by the service."""

    id: str
    status: str = ""
    reason: str = ""
    at: datetime | None = None


class RouterInfo(WireModel):
    """The router in force."""

    id: str = ""
    """``rv_...``, or ``starter`` for the built-in one."""
    version: str
    embedder: str | None = None
    categories: list[Category] = Field(default_factory=list)
    policies: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Per policy: which expert each category goes to."""
    infeasible: dict[str, InfeasibleBudget] = Field(default_factory=dict)
    """Per policy: the budget that the present experts cannot keep."""
    down: list[str] = Field(default_factory=list)
    """Experts that are down, as the process that answered sees them."""
    canary: TriedVersion | None = None
    """Decides for a share of the requests."""
    shadow: TriedVersion | None = None
    """Decides beside, noted and never used."""
    failures: list[LoadFailure] = Field(default_factory=list)


class ConfigValue(WireModel):
    """One setting of the service, its value and where that came from."""

    name: str
    value: Any = None
    source: str | None = None
    description: str = ""


class Health(WireModel):
    """That the service's process answers."""

    status: str


class Readiness(WireModel):
    """Whether the service can do its work, and if not, what is missing."""

    status: str = ""
    """``ok``, ``degraded`` or ``not ready``."""
    checks: dict[str, str] = Field(default_factory=dict)
    """Each part by name: ``ok``, or the reason why not."""

    _ready: bool = PrivateAttr(default=False)

    @property
    def ready(self) -> bool:
        """Whether it can; also where it is ``degraded``."""
        return self._ready

    def attach_ready(self, *, ready: bool) -> None:
        """Note what the answer's HTTP status says; done once, when the answer is read."""
        self._ready = ready
