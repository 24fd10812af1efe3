"""All settings of the service in one object, read once at start.

``router`` and ``experts`` never see it: they take constructor arguments.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    ByteSize,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from experts.providers.addresses import THIS_MACHINE, AddressPolicy
from experts.residency.servers import parse_servers
from orchestrator.kit.errors import StartError
from orchestrator.kit.forwarded import split_networks
from orchestrator.kit.origins import split_origins
from orchestrator.kit.paths import default_data_dir

Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _named(name: str) -> Any:
    return AliasChoices(name.lower(), name)


class Settings(BaseSettings):
    """Settings, each from an argument, the environment, or its default, in that order."""

    model_config = SettingsConfigDict(
        env_prefix="COE_", frozen=True, extra="forbid", populate_by_name=True
    )

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=_named("DATABASE_URL"),
        description="Postgres to use, as postgresql://user:password@host/name. Unset: an embedded one.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias=_named("REDIS_URL"),
        description="Redis or Valkey to use, as redis://host:6379/0. Unset: an embedded Valkey.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where embedded stores, the usage spool and the local admin key are kept.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8400, ge=0, le=65_535, description="Port to listen on; 0 picks a free one."
    )
    workers: Annotated[int, Field(ge=1, le=64)] | Literal["auto"] = Field(
        default=1,
        description="Processes that serve requests on the port; auto: one for each core.",
    )
    experts_file: Path | None = Field(
        default=None,
        description="An experts.yaml that seeds the catalogue while it holds no expert of an operator's.",
    )
    discover: bool = Field(
        default=True,
        description="Look for vendor keys and local servers while the catalogue holds no expert of an operator's.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Encrypts stored secrets. Unset: a key generated in the data directory.",
    )
    admin_key: SecretStr | None = Field(
        default=None,
        description="First admin key, as sk-coe- and at least 32 random characters. Unset: one is made.",
    )
    default_policy: Literal["quality", "balanced", "economy"] = Field(
        default="balanced", description="Policy of the model name 'coe'."
    )
    exploration: float = Field(
        default=0.0,
        ge=0.0,
        le=0.2,
        description="Share of routed requests that try one of the next best experts, to learn of it.",
    )
    memory: int = Field(
        default=0,
        ge=0,
        le=5_000,
        description="Outcomes told by feedback that routing heeds, for each tenant; 0: none.",
    )
    max_body_bytes: int = Field(
        default=20 * 1024 * 1024, ge=1024, le=1 << 30, description="Largest request body accepted."
    )
    body_timeout: Seconds = Field(
        default=30.0,
        description="Seconds that a request body may take, and one more for each 16 KiB that came.",
    )
    send_timeout: Seconds = Field(
        default=60.0,
        description="Seconds until a client that reads nothing of its answer is cut off.",
    )
    cors_origins: str = Field(
        default="",
        description="Origins of web pages that may call the API, with commas between; none unless set.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses and networks of proxies that say whom they ask for, with commas between; unset: none.",
    )
    admin_ui: bool = Field(
        default=True,
        description="Whether the admin pages are served at /admin; with several replicas: by 'coe admin' alone.",
    )
    max_artifact_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024,
        le=1 << 30,
        description="Largest router artefact accepted.",
    )
    embedders_dir: Path | None = Field(
        default=None,
        description="Folder of sentence encoders, one in each subfolder, for routers that were learned with one.",
    )
    reliability_dir: Path | None = Field(
        default=None,
        description="Folder that 'coe conductor teach' wrote: how far cascades and votes believe each expert.",
    )
    request_timeout: Seconds = Field(
        default=600.0, description="Seconds until a whole answer must be there."
    )
    first_token_timeout: Seconds = Field(
        default=120.0, description="Seconds until the first token of an answer must be there."
    )
    idle_timeout: Seconds = Field(
        default=60.0, description="Seconds that a stream that has begun may say nothing."
    )
    breaker_cool_down: Seconds = Field(
        default=30.0,
        description="Seconds that an endpoint which fails is left alone before it is tried again.",
    )
    hedge: bool = Field(
        default=False,
        description="Ask a second expert or endpoint when one is slower than usual; some calls are paid twice.",
    )
    residency_budget: ByteSize = Field(
        default=ByteSize(0),
        ge=0,
        description="Memory that local models may take together, such as 8GB; 0: all stay that were asked for.",
    )
    residency_max_wait: Seconds = Field(
        default=30.0,
        description="Seconds that a request may wait so that others of a model in memory are answered first.",
    )
    residency_servers: str = Field(
        default="",
        description="Servers whose models are loaded and unloaded, as ollama=URL, llama.cpp=URL, vllm=URL@20GB.",
    )
    cache: Literal["off", "asked", "on"] = Field(
        default="asked",
        description="Whether answers are kept: none, those of requests that ask for it, or all that may be.",
    )
    cache_seconds: float = Field(
        default=3600.0, gt=0, le=30 * 86_400, description="Seconds that an answer is kept."
    )
    cache_entry_bytes: ByteSize = Field(
        default=ByteSize(1024 * 1024),
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest answer that is kept, compressed.",
    )
    cache_tenant_bytes: ByteSize = Field(
        default=ByteSize(64 * 1024 * 1024),
        ge=1024,
        description="Size of all answers that are kept for one tenant, compressed.",
    )
    cache_encoder: str | None = Field(
        default=None,
        max_length=300,
        description="Encoder that confirms which requests are alike, such as onnx:minilm; else static vectors do.",
    )
    reserved_tokens: int = Field(
        default=2048,
        ge=1,
        le=10_000_000,
        description="Tokens of an answer reserved of its limits where neither request nor expert says a most.",
    )
    drain_delay: float = Field(
        default=0.0,
        ge=0.0,
        le=600.0,
        description="Seconds that a stopping service goes on taking requests while /readyz says no.",
    )
    drain_timeout: Seconds = Field(
        default=10.0,
        description="Seconds that running requests get to finish when the service stops.",
    )
    worker: bool = Field(
        default=True, description="Run a worker beside the service, for runs in the background."
    )
    worker_runs: int = Field(
        default=200, ge=1, le=10_000, description="Runs that one worker does at once."
    )
    run_rounds: int = Field(
        default=12, ge=1, le=1_000, description="Turns of the conductor in one run."
    )
    run_calls: int = Field(default=32, ge=1, le=10_000, description="Expert calls in one run.")
    run_depth: int = Field(
        default=2,
        ge=1,
        le=8,
        description="Levels of work in one run: itself, parts of its task, parts of a part.",
    )
    run_tokens: int = Field(
        default=200_000, ge=1, le=100_000_000, description="Tokens read and written in one run."
    )
    run_usd: float = Field(
        default=1.0, gt=0, le=10_000, description="US dollars of all expert calls in one run."
    )
    run_seconds: float = Field(
        default=300.0, gt=0, le=86_400, description="Seconds from the start of a run to its answer."
    )
    runs_open: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="Runs of one tenant that may be open at once: queued, running or waiting.",
    )
    run_lease: float = Field(
        default=15.0,
        ge=0.5,
        le=3600,
        description="Seconds until a run whose worker is silent is taken over by another.",
    )
    run_retention: float = Field(
        default=30 * 86_400.0,
        gt=0,
        le=3650 * 86_400,
        description="Seconds that ended runs are kept, with what was said in them.",
    )
    worker_items: int = Field(
        default=256, ge=1, le=10_000, description="Items of jobs that one worker does at once."
    )
    job_retention: float = Field(
        default=30 * 86_400.0,
        gt=0,
        le=3650 * 86_400,
        description="Seconds that ended jobs and uploaded files are kept, with what is in them.",
    )
    batch_requests: int = Field(
        default=1_000_000, ge=1, le=2_000_000_000, description="Requests in one batch."
    )
    max_file_bytes: int = Field(
        default=512 * 1024 * 1024, ge=1024, le=1 << 40, description="Largest file accepted."
    )
    files_bytes: int = Field(
        default=10 * 1024**3,
        ge=1024,
        le=1 << 50,
        description="Bytes of all files that one tenant may keep.",
    )
    tenant_weights: dict[str, Annotated[float, Field(gt=0, le=1_000_000)]] = Field(
        default={},
        description="By tenant, its share of the workers where others wait too, as JSON; 1 for the rest.",
    )
    usage_retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Days that usage records are kept; 0: for ever.",
    )
    private_addresses: str = Field(
        default=THIS_MACHINE,
        description="Addresses, networks and hosts that are not public and where experts may be, with commas between.",
    )
    webhook_private_addresses: str = Field(
        default="",
        description="The same for webhooks, which may then be unencrypted.",
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="OpenID Connect provider that people sign in at. Unset: keys only.",
    )
    oidc_name: str | None = Field(
        default=None,
        max_length=100,
        description="What people call the provider. Unset: its host.",
    )
    oidc_client_id: str | None = Field(
        default=None, description="What the provider calls this service."
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Proves to the provider that this is the service, if it asks."
    )
    oidc_scopes: str = Field(
        default="openid profile email", description="What the provider is asked for."
    )
    oidc_claim: str = Field(
        default="groups",
        description="Claim that says what groups somebody is in; dots lead into objects.",
    )
    oidc_roles: dict[str, Literal["user", "viewer", "editor", "admin"]] = Field(
        default={},
        description="By group, the role of its members, as JSON; the group '*' is everybody.",
    )
    oidc_tenant: str = Field(
        default="default",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        description="Tenant of the requests that people make.",
    )
    public_url: str | None = Field(
        default=None,
        description="Address people reach this service at, as https://host. Needed to sign in.",
    )
    session_seconds: float = Field(
        default=12 * 3600.0, ge=60, le=30 * 86_400, description="Seconds that a sign-in lasts."
    )
    guardrails_before: str = Field(
        default="",
        description="Guardrails that judge requests, with commas between: module:function, or URLs.",
    )
    guardrails_after: str = Field(
        default="", description="Guardrails that judge answers before anything of them is sent."
    )
    guardrail_key: SecretStr | None = Field(
        default=None, description="Bearer token for guardrails that are URLs."
    )
    guardrail_timeout: Seconds = Field(
        default=5.0, description="Seconds that a guardrail may take."
    )
    guardrail_failure: Literal["closed", "open"] = Field(
        default="closed",
        description="What a guardrail that fails counts as: a refusal (closed) or consent (open).",
    )
    guardrail_streams: Literal["hold", "skip"] = Field(
        default="hold",
        description="Whether streams are held back until they are judged, or not judged (skip).",
    )
    metrics_public: bool = Field(
        default=False, description="Whether /metrics needs no key; otherwise one of a viewer."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="OpenTelemetry collector that traces are sent to, as http://host:4318. Unset: none.",
    )
    trace_share: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="Share of requests that are traced, where traces are on.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log lines to write."
    )
    log_format: Literal["text", "json"] = Field(
        default="text",
        description="What log lines are: text for people, or json, one object a line, for a collector.",
    )
    slow_request_seconds: float = Field(
        default=30.0,
        ge=0.0,
        le=86_400,
        description="Requests that take longer are logged, with where the time went; 0: none.",
    )

    _arguments: frozenset[str] = PrivateAttr(default=frozenset())

    @field_validator("private_addresses", "webhook_private_addresses")
    @classmethod
    def _addresses_can_be_read(cls, value: str) -> str:
        AddressPolicy.parse(value)
        return value

    @field_validator("admin_key")
    @classmethod
    def _admin_key_is_hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"sk-coe-[A-Za-z0-9_-]{32,128}", value.get_secret_value()):
            raise ValueError("it must be sk-coe- and 32 to 128 letters, digits, - or _")
        return value

    @field_validator("residency_servers")
    @classmethod
    def _servers_can_be_read(cls, value: str) -> str:
        parse_servers(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins_can_be_read(cls, value: str) -> str:
        split_origins(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_can_be_read(cls, value: str) -> str:
        split_networks(value)
        return value

    def source_of(self, field: str) -> str:
        """Return where a setting's value came from: argument, environment or default."""
        if field in self._arguments:
            return "argument"
        if field in self.model_fields_set:
            return f"environment ({environment_name(field)})"
        return "default"

    @property
    def embedded_postgres(self) -> bool:
        """Whether the service runs a Postgres of its own."""
        return self.database_url is None

    @property
    def embedded_redis(self) -> bool:
        """Whether the service runs a Valkey of its own."""
        return self.redis_url is None


def load_settings(**arguments: Any) -> Settings:
    """Read the settings; arguments that are not ``None`` win over the environment.

    Raises:
        StartError: If a value is wrong, naming the setting.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        problems = "; ".join(
            f"{environment_name(str(e['loc'][0]))}: {e['msg']}" for e in error.errors()
        )
        raise StartError(f"A setting is wrong. {problems}") from error
    settings._arguments = frozenset(given)  # noqa: SLF001 (its own module)
    return settings


def environment_name(field: str) -> str:
    """Return the environment variable that sets a field."""
    return (
        field.upper() if field.lower() in {"database_url", "redis_url"} else f"COE_{field.upper()}"
    )


def describe(settings: Settings) -> list[dict[str, str]]:
    """Return every setting with its effective value, where that came from, and what it is for.

    Secret values are shown as ``***``.
    """
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = "***" if isinstance(value, SecretStr) else "" if value is None else str(value)
        rows.append(
            {
                "name": environment_name(name),
                "value": shown,
                "source": settings.source_of(name),
                "description": field.description or "",
            }
        )
    return rows
