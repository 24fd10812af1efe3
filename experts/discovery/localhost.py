"""Experts that servers on this machine offer: Ollama, llama.cpp, vLLM, LM Studio.

Each is asked for ``/v1/models``, all at once, for a moment. What they list is judged here; the
asking itself is handed in, so that the judgement is pure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from experts.catalogue.expert import RESERVED_IDS, Endpoint, Expert
from experts.discovery.slugs import slug
from experts.providers.wire import UNREADABLE

Probe = Callable[[str], Awaitable[bytes | None]]
"""Fetches a URL; ``None`` where nobody answers."""

MAX_MODELS = 8
PROBE_SECONDS = 0.3
DEFAULT_CONTEXT = 8192
_MAX_LISTING_BYTES = 1024 * 1024
_NO_CHAT = ("embed", "rerank", "whisper", "tts")


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A program that may be listening on this machine.

    Args:
        id: Prefix of its experts' ids.
        name: For people.
        port: Where it listens by default.
    """

    id: str
    name: str
    port: int

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"


LOCAL_SERVERS = (
    LocalServer("ollama", "Ollama", 11434),
    LocalServer("llamacpp", "llama.cpp", 8080),
    LocalServer("vllm", "vLLM", 8000),
    LocalServer("lmstudio", "LM Studio", 1234),
)


async def local_experts(
    servers: Sequence[LocalServer], probe: Probe
) -> dict[LocalServer, list[Expert]]:
    """Ask all servers at once; return the experts of each that offers any."""
    listings = await asyncio.gather(*(probe(f"{server.url}/models") for server in servers))
    found = {}
    for server, listing in zip(servers, listings, strict=True):
        experts = experts_listed(server, listing) if listing else []
        if experts:
            found[server] = experts
    return found


def experts_listed(server: LocalServer, listing: bytes) -> list[Expert]:
    """Return one expert per chat model of a ``/v1/models`` answer, at most :data:`MAX_MODELS`.

    A listing that names ids of our own kind is another service like this one, perhaps ourselves:
    calling it would go round in circles, so it offers nothing.
    """
    models = _models_in(listing)
    if any(RESERVED_IDS.fullmatch(model["id"]) for model in models):
        return []
    experts: dict[str, Expert] = {}
    for model in models:
        if len(experts) < MAX_MODELS and not any(word in model["id"].lower() for word in _NO_CHAT):
            expert = _expert(server, model)
            experts.setdefault(expert.id, expert)
    return list(experts.values())


async def http_probe(url: str) -> bytes | None:
    """Fetch a URL on this machine, giving up after :data:`PROBE_SECONDS`."""
    import aiohttp  # takes a while, and most starts look for nothing

    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            if not response.ok:
                return None
            return await response.content.read(_MAX_LISTING_BYTES)
    except (aiohttp.ClientError, TimeoutError):
        return None


def _models_in(listing: bytes) -> list[dict[str, Any]]:
    try:
        fields = msgspec.json.decode(listing)
    except UNREADABLE:
        return []
    data = fields.get("data") if isinstance(fields, dict) else None
    if not isinstance(data, list):
        return []
    return [one for one in data if isinstance(one, dict) and _is_name(one.get("id"))]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 300


def _expert(server: LocalServer, model: dict[str, Any]) -> Expert:
    name = model["id"]
    # llama.cpp lists the path of the file.
    short = name.replace("\\", "/").rstrip("/").rpartition("/")[2].removesuffix(".gguf")
    return Expert(
        id=slug(server.id, short),
        name=f"{short} on {server.name}",
        provider="openai",
        model=name,
        endpoints=(Endpoint(url=server.url),),
        capabilities=frozenset({"streaming", "json"}),
        context_window=_context_of(model),
        tags=frozenset({"general"}),
    )


def _context_of(model: dict[str, Any]) -> int:
    """Return the context window where the server states it, as vLLM does."""
    length = model.get("max_model_len")
    stated = isinstance(length, int) and not isinstance(length, bool) and 1 <= length <= 10**8
    return length if stated and isinstance(length, int) else DEFAULT_CONTEXT
