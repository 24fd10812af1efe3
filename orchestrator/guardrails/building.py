"""Guardrails as the settings name them."""

from __future__ import annotations

from orchestrator.guardrails.hooks import Hook, make_hooks
from orchestrator.guardrails.service import Guardrails
from orchestrator.kit.errors import StartError
from orchestrator.kit.settings import Settings, environment_name


def build_guardrails(settings: Settings) -> Guardrails:
    """Return the guardrails that are set.

    Raises:
        StartError: If one cannot be had: a service without it would let everything through.
    """
    return Guardrails(
        _hooks(settings, "guardrails_before"),
        _hooks(settings, "guardrails_after"),
        timeout=settings.guardrail_timeout,
        failure=settings.guardrail_failure,
        streams=settings.guardrail_streams,
    )


def _hooks(settings: Settings, name: str) -> tuple[Hook, ...]:
    key = settings.guardrail_key
    try:
        return make_hooks(getattr(settings, name), None if key is None else key.get_secret_value())
    except ValueError as error:
        raise StartError(f"{environment_name(name)}: {error}") from error
