"""The expert: what the catalogue says about something that answers requests."""

from __future__ import annotations

import itertools
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from experts.catalogue.addresses import address_problem

ProviderName = Literal["openai", "litellm", "local", "python", "scripted", "replay"]
Capability = Literal["tools", "vision", "json", "streaming", "embeddings"]
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
RESERVED_IDS = re.compile(r"coe(?:-.*)?")

Feature = Literal["executable"]
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")  # RFC 9110, section 5.1: a token
HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,4096}")
MAX_HEADERS = 64

_ID_PATTERN = r"^(?!coe$)(?!coe-)[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"
Slug = Annotated[
    str, Field(min_length=1, max_length=64, json_schema_extra={"pattern": f"^{SLUG.pattern}$"})
]
ExpertId = Annotated[
    str, Field(min_length=1, max_length=64, json_schema_extra={"pattern": _ID_PATTERN})
]


def _repeats_are_harmless(schema: dict[str, Any]) -> None:
    schema.pop("uniqueItems", None)


_Set = Field(max_length=64, json_schema_extra=_repeats_are_harmless)
# Sets are written sorted, so that the same entry always has the same text and the same hash.
Capabilities = Annotated[
    frozenset[Capability],
    _Set,
    PlainSerializer(sorted, return_type=list[Capability], when_used="json"),
]
Tags = Annotated[
    frozenset[Slug],
    _Set,
    PlainSerializer(sorted, return_type=list[Slug], when_used="json"),
]
Features = Annotated[
    frozenset[Feature],
    _Set,
    PlainSerializer(sorted, return_type=list[Feature], when_used="json"),
]
Billions = Annotated[float, Field(gt=0, le=1e6)]
UsdPerMillionTokens = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
ModelName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        json_schema_extra={"pattern": r"^(?!coe$)(?!coe-)[!-~](?:[ -~]*[!-~])?$"},
    ),
]
_MODEL_NAME = re.compile(r"[!-~](?:[ -~]*[!-~])?")
ServiceTier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


def _is_empty(value: tuple[object, ...]) -> bool:
    """Tell whether a field is left out of what is stored, as in entries that never had it."""
    return not value


def _wrong(path: str, reason: str) -> PydanticCustomError:
    """Return an error of the whole entry that names the field it is about."""
    return PydanticCustomError("inconsistent", "{reason}", {"path": path, "reason": reason})


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
    def _headers_are_plain(cls, headers: dict[str, str]) -> dict[str, str]:
        if len(headers) > MAX_HEADERS:
            raise ValueError(f"more than {MAX_HEADERS} headers")
        for name, value in headers.items():
            if not HEADER_NAME.fullmatch(name):
                raise ValueError("a header name has letters, digits and '-' only, up to 128")
            if not HEADER_VALUE.fullmatch(value):
                raise ValueError(f"header {name!r}: printable ASCII only, up to 4096 characters")
            if name.lower() in {"authorization", "api-key", "x-api-key", "cookie"}:
                raise ValueError(f"header {name!r} would hold a secret: use 'api_key'")
        return headers


class Rates(_Entry):
    """US dollars per million tokens. What has no price of its own costs what it is a part of."""

    input: UsdPerMillionTokens = 0.0
    output: UsdPerMillionTokens = 0.0
    cached_input: UsdPerMillionTokens | None = None
    """Of prompt tokens that the vendor found in its cache; ``None``: as ``input``."""
    cache_write: UsdPerMillionTokens | None = None
    """Of prompt tokens that the vendor put into its cache; ``None``: as ``input``."""
    reasoning: UsdPerMillionTokens | None = None
    """Of answer tokens spent on reasoning; ``None``: as ``output``."""


class PriceTier(Rates):
    """What all tokens of a call cost, those of the answer too, whose prompt is longer than some."""

    above: int = Field(ge=1, le=100_000_000)
    """Prompt tokens; those of the vendor's cache count."""


class TieredRates(Rates):
    """Prices that may depend on the length of the prompt."""

    tiers: tuple[PriceTier, ...] = Field(default=(), max_length=16, exclude_if=_is_empty)
    """By length, each above a larger one; the last one that is exceeded holds."""

    @field_validator("tiers")
    @classmethod
    def _tiers_ascend(cls, tiers: tuple[PriceTier, ...]) -> tuple[PriceTier, ...]:
        if any(after.above <= before.above for before, after in itertools.pairwise(tiers)):
            raise ValueError("each tier must be 'above' more tokens than the one before")
        return tiers


class ServicePrice(TieredRates):
    """Prices at one of the vendor's tiers of service."""

    name: ServiceTier
    """As the vendor's answer states it in ``service_tier``."""


class Price(TieredRates):
    """What an expert costs."""

    service_tiers: tuple[ServicePrice, ...] = Field(default=(), max_length=16, exclude_if=_is_empty)
    """By tier of service; calls at any other cost what stands above."""

    @field_validator("service_tiers")
    @classmethod
    def _service_tiers_differ(cls, tiers: tuple[ServicePrice, ...]) -> tuple[ServicePrice, ...]:
        names = [tier.name for tier in tiers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the tier of service {name!r} is there twice")
        return tiers


def _free_slug(value: str) -> str:
    if not SLUG.fullmatch(value):
        raise ValueError("lower-case letters, digits, '.', '_' and '-' only, up to 64")
    if RESERVED_IDS.fullmatch(value):
        raise ValueError("ids that are 'coe' or begin with 'coe-' name policies")
    return value


class Expert(_Entry):
    """A catalogue entry. Immutable: a change is a new version.

    An expert may be a prompted model: ``system_prompt`` is put before the caller's messages and
    ``parameters`` are defaults for what the caller leaves open.
    """

    id: ExpertId
    name: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=4000)
    provider: ProviderName
    model: str = Field(default="", max_length=300)
    endpoints: tuple[Endpoint, ...] = Field(default=(), max_length=64)
    aliases: tuple[ModelName, ...] = Field(default=(), max_length=64, exclude_if=_is_empty)
    """More names that a request may call it by; one that is an expert's id names that expert."""
    fallbacks: tuple[ExpertId, ...] = Field(default=(), max_length=32, exclude_if=_is_empty)
    """Experts asked in turn where this one was asked for by name and fails."""
    system_prompt: str | None = Field(default=None, max_length=100_000)
    parameters: dict[str, Any] = Field(default_factory=dict)
    capabilities: Capabilities = frozenset({"streaming"})
    context_window: int = Field(default=8192, ge=1, le=100_000_000)
    """Tokens that prompt and answer may have together."""
    price: Price = Price()
    active_parameters: Billions | None = None
    total_parameters: Billions | None = None
    tags: Tags = frozenset()
    """Free labels; one that names a category says that the expert is a specialist in it."""
    accepts: Features = frozenset()
    """Features a request must have for this expert to be chosen by the router; empty: none."""
    enabled: bool = True

    @property
    def embeds(self) -> bool:
        """Whether it turns texts into vectors, and therefore does not chat."""
        return "embeddings" in self.capabilities

    @field_validator("id")
    @classmethod
    def _id_is_a_free_slug(cls, value: str) -> str:
        return _free_slug(value)

    @field_validator("fallbacks")
    @classmethod
    def _fallbacks_are_ids(cls, fallbacks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_free_slug, fallbacks))

    @field_validator("aliases")
    @classmethod
    def _aliases_are_free_names(cls, aliases: tuple[str, ...]) -> tuple[str, ...]:
        for alias in aliases:
            if not _MODEL_NAME.fullmatch(alias):
                raise ValueError("an alias is printable ASCII, without spaces around it")
            if RESERVED_IDS.fullmatch(alias):
                raise ValueError("names that are 'coe' or begin with 'coe-' name policies")
        return aliases

    @field_validator("tags")
    @classmethod
    def _tags_are_slugs(cls, tags: frozenset[str]) -> frozenset[str]:
        for tag in tags:
            if not SLUG.fullmatch(tag):
                raise ValueError(f"tag {tag!r}: lower-case letters, digits, '.', '_' and '-' only")
        return tags

    @model_validator(mode="after")
    def _consistent(self) -> Expert:
        active, total = self.active_parameters, self.total_parameters
        if active is not None and total is not None and active > total:
            raise _wrong("active_parameters", "active_parameters is larger than total_parameters")
        if self.provider in {"openai", "litellm"}:
            self._check_remote()
        return self

    def _check_remote(self) -> None:
        if not self.model:
            raise _wrong("model", f"provider {self.provider!r} needs 'model'")
        if self.provider == "openai" and not self.endpoints:
            raise _wrong("endpoints", "provider 'openai' needs at least one endpoint with a 'url'")
        for index, endpoint in enumerate(self.endpoints):
            path = f"endpoints[{index}].url"
            if endpoint.url is None:
                if self.provider == "openai":
                    raise _wrong(path, "every endpoint of an 'openai' expert needs a 'url'")
                continue
            problem = address_problem(endpoint.url)
            if problem:
                raise _wrong(path, problem)
