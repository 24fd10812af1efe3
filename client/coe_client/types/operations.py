"""What operators look after: circuit breakers and the models in memory."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from coe_client.types.base import WireModel


class Breaker(WireModel):
    """The circuit breaker of one endpoint, as the replica that answers knows it."""

    expert: str
    endpoint: str
    state: str
    """``closed`` (every call is let through), ``open`` or ``half_open``."""
    reason: str | None = None
    """Code of the failure that opened it."""
    opened_at: datetime | None = None
    until: datetime | None = None
    """When it is tried again."""
    outstanding: int = 0
    """Calls under way from that replica."""


class BreakersReset(WireModel):
    """Which circuit breakers were closed."""

    expert: str
    endpoints: list[str]


class LocalModel(WireModel):
    """A local model, as the replica that answers knows it."""

    model: str
    experts: list[str] = Field(default_factory=list)
    state: str = ""
    """``disk``, ``mapped``, ``loading``, ``loaded``, ``unloading`` or ``unknown``."""
    size: int | None = None
    """Bytes that it takes, or would take."""
    measured: bool = False
    """Whether that was measured, rather than estimated."""
    pinned: bool = False
    """Whether it stays in memory."""
    in_use: int = 0
    """Requests that are being answered with it."""
    waiting: int = 0
    loads: int = 0
    idle_seconds: float | None = None
    share: float = 0.0
    """Share of the coming requests that is expected for it."""


class LocalMemory(WireModel):
    """The memory for local models of the replica that answers, in bytes."""

    budget: int | None = None
    """``None``: no limit."""
    used: int = 0
    pinned: int = 0
    """Of it: by models that stay."""
    waiting: int = 0
    """Requests that wait for a model."""
    states: dict[str, int] = Field(default_factory=dict)
    """How many models are loaded, or on their way in or out."""


class ExpertModels(WireModel):
    """The local models of an expert: one, or one for each endpoint on a server that is managed."""

    expert: str
    models: list[LocalModel]
