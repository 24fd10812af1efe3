"""Experts and models: what can answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from coe_client.types.base import WireModel


class ModelDetails(WireModel):
    """What a model id stands for."""

    kind: str | None = None
    """``policy`` (the router chooses) or ``expert`` (this one answers)."""
    description: str = ""


class Model(WireModel):
    """Something that may be given as ``model`` in a chat request."""

    id: str
    object: str = "model"
    created: int | float = 0
    owned_by: str = ""
    coe: ModelDetails = Field(default_factory=ModelDetails)


class SecretRef(WireModel):
    """Where a secret is kept: ``env`` (a variable of the service) or ``stored`` (the registry)."""

    env: str | None = None
    stored: str | None = None


class Endpoint(WireModel):
    """One place where an expert can be reached."""

    url: str | None = None
    api_key: SecretRef | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    weight: float = 1.0


class Rates(WireModel):
    """US dollars per million tokens. What has no price of its own costs what it is a part of."""

    input: float = 0.0
    output: float = 0.0
    cached_input: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None


class PriceTier(Rates):
    """What a call costs whose prompt is longer than some."""

    above: int
    """Prompt tokens."""


class TieredRates(Rates):
    """Prices that may depend on the length of the prompt."""

    tiers: list[PriceTier] = Field(default_factory=list)


class ServicePrice(TieredRates):
    """Prices at one of the vendor's tiers of service."""

    name: str


class Price(TieredRates):
    """What an expert costs."""

    service_tiers: list[ServicePrice] = Field(default_factory=list)


class Expert(WireModel):
    """A catalogue entry. The service validates it; see its reference for the fields' bounds."""

    id: str
    provider: str
    name: str = ""
    description: str = ""
    model: str = ""
    endpoints: list[Endpoint] = Field(default_factory=list)
    aliases: list[str] = Field(default_factory=list)
    fallbacks: list[str] = Field(default_factory=list)
    system_prompt: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    capabilities: list[str] = Field(default_factory=lambda: ["streaming"])
    context_window: int = 8192
    price: Price = Field(default_factory=Price)
    active_parameters: float | None = None
    total_parameters: float | None = None
    tags: list[str] = Field(default_factory=list)
    accepts: list[str] = Field(default_factory=list)
    enabled: bool = True


class ExpertRecord(WireModel):
    """One version of an expert in the catalogue."""

    expert: Expert
    version: int
    head: int | None = None
    """The version in force."""
    updated_at: datetime | None = None
    updated_by: str | None = None


class ExpertChange(WireModel):
    """What applying a catalogue does, or would do, to one expert."""

    id: str
    action: str
    """``create``, ``update``, ``retire`` or ``unchanged``."""
    fields: dict[str, list[Any]] = Field(default_factory=dict)
    """Changed fields by name, each with its old and its new value."""


class ApplyResult(WireModel):
    """What applying a catalogue changed; nothing, where it was a dry run."""

    changes: list[ExpertChange] = Field(default_factory=list)
    dry_run: bool = False
