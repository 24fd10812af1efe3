"""The expert: what the catalogue says about something that answers requests."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ProviderName = Literal["openai", "litellm", "local", "python", "scripted"]
Capability = Literal["tools", "vision", "json", "streaming"]
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
RESERVED_IDS = re.compile(r"coe(?:-.*)?")

Slug = Annotated[str, Field(min_length=1, max_length=64)]
Billions = Annotated[float, Field(gt=0, le=1e6)]
UsdPerMillionTokens = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretRef(_Entry):
    """Where a secret is kept; the secret itself is never part of the catalogue.

    Exactly one of the two is given.
    """

    env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
    """Name of an environment variable of the service."""
    stored: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Name of a secret encrypted in the registry (``coe secrets set NAME``)."""

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretRef:
        if (self.env is None) == (self.stored is None):
            raise ValueError("give exactly one of 'env' and 'stored'")
        return self


class Endpoint(_Entry):
    """One place where an expert can be reached; several are replicas of each other."""

    url: str | None = Field(default=None, max_length=2048)
    """Base URL up to and including ``/v1`` for OpenAI-speaking servers; a path for a GGUF file."""
    api_key: SecretRef | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    """Extra request headers that are not secret."""
    weight: float = Field(default=1.0, gt=0, le=1000)

    @field_validator("headers")
    @classmethod
    def _no_secret_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name in headers:
            if name.lower() in {"authorization", "api-key", "x-api-key", "cookie"}:
                raise ValueError(f"header {name!r} would hold a secret: use 'api_key'")
        return headers


class Price(_Entry):
    """US dollars per million tokens."""

    input: UsdPerMillionTokens = 0.0
    output: UsdPerMillionTokens = 0.0


class Expert(_Entry):
    """A catalogue entry. Immutable: a change is a new version.

    An expert may be a prompted model: ``system_prompt`` is put before the caller's messages and
    ``parameters`` are defaults for what the caller leaves open.
    """

    id: Slug
    name: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=4000)
    provider: ProviderName
    model: str = Field(default="", max_length=300)
    endpoints: tuple[Endpoint, ...] = Field(default=(), max_length=64)
    system_prompt: str | None = Field(default=None, max_length=100_000)
    parameters: dict[str, Any] = Field(default_factory=dict)
    capabilities: frozenset[Capability] = frozenset({"streaming"})
    context_window: int = Field(default=8192, ge=1, le=100_000_000)
    """Tokens that prompt and answer may have together."""
    price: Price = Price()
    active_parameters: Billions | None = None
    total_parameters: Billions | None = None
    tags: frozenset[Slug] = Field(default=frozenset(), max_length=64)
    """Free labels; one that names a category says that the expert is a specialist in it."""
    accepts: frozenset[Literal["executable"]] = frozenset()
    """Features a request must have for this expert to be chosen by the router; empty: none."""
    enabled: bool = True

    @field_validator("id")
    @classmethod
    def _id_is_a_free_slug(cls, value: str) -> str:
        if not SLUG.fullmatch(value):
            raise ValueError("lower-case letters, digits, '.', '_' and '-' only, up to 64")
        if RESERVED_IDS.fullmatch(value):
            raise ValueError("ids that are 'coe' or begin with 'coe-' name policies")
        return value

    @field_validator("tags")
    @classmethod
    def _tags_are_slugs(cls, tags: frozenset[str]) -> frozenset[str]:
        for tag in tags:
            if not SLUG.fullmatch(tag):
                raise ValueError(f"tag {tag!r}: lower-case letters, digits, '.', '_' and '-' only")
        return tags

    @model_validator(mode="after")
    def _consistent(self) -> Expert:
        if self.provider in {"openai", "litellm"} and not self.model:
            raise ValueError(f"provider {self.provider!r} needs 'model'")
        if self.provider == "openai" and not self.endpoints:
            raise ValueError("provider 'openai' needs at least one endpoint with a 'url'")
        if self.provider == "openai" and any(not e.url for e in self.endpoints):
            raise ValueError("every endpoint of an 'openai' expert needs a 'url'")
        active, total = self.active_parameters, self.total_parameters
        if active is not None and total is not None and active > total:
            raise ValueError("active_parameters is larger than total_parameters")
        return self
