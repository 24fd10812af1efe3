"""The service itself: its settings, health, metrics, breakers, and the models in its memory."""

from __future__ import annotations

from coe_client.requests import Answer, Request, admin, as_model, as_text
from coe_client.types import (
    Breaker,
    BreakersReset,
    ConfigValue,
    ExpertModels,
    Health,
    LocalMemory,
    LocalModel,
    Page,
    Readiness,
)


def list_config() -> Request[Page[ConfigValue]]:
    """List the service's settings."""
    return Request("GET", admin("config"), as_model(Page[ConfigValue]))


def get_health() -> Request[Health]:
    """Ask whether the process answers."""
    return Request("GET", "/healthz", as_model(Health))


def get_readiness() -> Request[Readiness]:
    """Ask whether the service can work. "Not ready" is an answer, not an error."""
    return Request("GET", "/readyz", _read_readiness, accept=frozenset({503}))


def get_metrics() -> Request[str]:
    """Get the metrics of the replica that answers."""
    return Request("GET", "/metrics", as_text, content_type="text/plain")


def list_breakers(
    after: str | None, limit: int | None, *, expert: str | None, state: str | None
) -> Request[Page[Breaker]]:
    """List circuit breakers."""
    path = admin("breakers", after=after, limit=limit, expert=expert, state=state)
    return Request("GET", path, as_model(Page[Breaker]))


def reset_breakers(expert: str, endpoint: str | None) -> Request[BreakersReset]:
    """Close the circuit breakers of an expert."""
    body = {"expert": expert, "endpoint": endpoint}
    return Request("POST", admin("breakers", "reset"), as_model(BreakersReset), body)


def list_local_models(after: str | None, limit: int | None) -> Request[Page[LocalModel]]:
    """List the local models that the replica that answers was asked for."""
    path = admin("residency", after=after, limit=limit)
    return Request("GET", path, as_model(Page[LocalModel]))


def get_local_memory() -> Request[LocalMemory]:
    """Get how much memory local models take."""
    return Request("GET", admin("residency", "memory"), as_model(LocalMemory))


def change_local_models(what: str, expert: str) -> Request[ExpertModels]:
    """Have an expert's models loaded, unloaded, pinned or unpinned. Sent twice it is done once."""
    return Request("POST", admin("residency", what), as_model(ExpertModels), {"expert": expert})


def _read_readiness(answer: Answer) -> Readiness:
    readiness = as_model(Readiness)(answer)
    readiness.attach_ready(ready=answer.status == 200)
    return readiness
