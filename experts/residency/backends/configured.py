"""Backends for the servers that an operator names."""

from __future__ import annotations

from experts.errors import ExpertMisconfigured
from experts.providers.addresses import AddressPolicy
from experts.residency.backends.llama_server import LlamaServerModel
from experts.residency.backends.ollama import OllamaModel
from experts.residency.backends.protocol import Backend
from experts.residency.backends.server import ModelServer
from experts.residency.backends.vllm import VllmModel
from experts.residency.servers import ManagedServer


def backend_of(
    managed: ManagedServer,
    model: str,
    expert: str,
    api_key: str | None = None,
    addresses: AddressPolicy | None = None,
) -> Backend:
    """Return what loads and unloads a model of a server.

    Args:
        managed: The server.
        model: Its name there.
        expert: Id of the expert, for errors.
        api_key: Sent as a bearer token.
        addresses: Where connections may lead.

    Raises:
        ExpertMisconfigured: If the size of a vLLM's model was not given.
    """
    server = ModelServer(managed.root, expert, api_key=api_key, addresses=addresses)
    if managed.kind == "ollama":
        return OllamaModel(server, model)
    if managed.kind == "llama.cpp":
        return LlamaServerModel(server, model, managed.size)
    if managed.size is None:
        message = f"expert '{expert}': a vLLM does not tell what it takes: give it as"
        message += f" vllm={managed.root}@20GB in COE_RESIDENCY_SERVERS"
        raise ExpertMisconfigured(message, expert=expert)
    return VllmModel(server, managed.size)
