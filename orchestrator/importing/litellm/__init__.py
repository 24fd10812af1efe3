"""The configuration of litellm's proxy, https://docs.litellm.ai/docs/proxy/config_settings."""

from orchestrator.importing.litellm.conversion import convert

__all__ = ["convert"]
