"""Providers by name, each imported and built when the first call needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module

from experts.errors import ExpertMisconfigured
from experts.providers.protocol import Provider

BUILT_IN: Mapping[str, str] = {
    "openai": "experts.providers.openai:OpenAIProvider",
    "litellm": "experts.providers.litellm:LiteLLMProvider",
    "local": "experts.providers.local:LocalProvider",
    "python": "experts.providers.python:PythonProvider",
    "scripted": "experts.providers.scripted:ScriptedProvider",
    "replay": "experts.providers.replay:ReplayProvider",
}


class ProviderRegistry:
    """Owns the providers and closes them.

    Args:
        providers: Instances to use in place of the built-in ones, by name.
    """

    def __init__(self, providers: Mapping[str, Provider] | None = None) -> None:
        self._providers: dict[str, Provider] = dict(providers or {})

    def get(self, name: str) -> Provider:
        """Return the provider of this name.

        Raises:
            ExpertMisconfigured: If there is none, or a package that it needs is not installed.
        """
        provider = self._providers.get(name)
        if provider is None:
            provider = self._providers[name] = _build(name)
        return provider

    async def aclose(self) -> None:
        """Close every provider that was built; the first failure is raised after all are closed."""
        providers = list(self._providers.values())
        self._providers.clear()
        closed = await asyncio.gather(*(one.aclose() for one in providers), return_exceptions=True)
        for outcome in closed:
            if isinstance(outcome, BaseException):
                raise outcome


def _build(name: str) -> Provider:
    path = BUILT_IN.get(name)
    if path is None:
        raise ExpertMisconfigured(f"there is no provider '{name}'")
    module, _, kind = path.partition(":")
    try:
        provider: Provider = getattr(import_module(module), kind)()
    except ImportError as error:
        raise ExpertMisconfigured(f"provider '{name}' cannot be loaded: {error}") from error
    return provider
