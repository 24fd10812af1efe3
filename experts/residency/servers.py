"""Servers whose models we may load and unload, as an operator names them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

Kind = Literal["ollama", "llama.cpp", "vllm"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", re.IGNORECASE)
_FACTORS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True, slots=True)
class ManagedServer:
    """A server that does what we say about its models.

    Args:
        kind: How it is told.
        root: Its URL, without ``/v1``.
        size: Bytes that each of its models takes, where the server does not tell.
    """

    kind: Kind
    root: str
    size: int | None = None


def parse_servers(text: str) -> tuple[ManagedServer, ...]:
    """Read servers as ``KIND=URL`` or ``KIND=URL@SIZE``, with commas between.

    Args:
        text: Such as ``ollama=http://127.0.0.1:11434,vllm=http://127.0.0.1:8000@20GB``.

    Raises:
        ValueError: If it cannot be read.
    """
    return tuple(_server(part.strip()) for part in text.split(",") if part.strip())


def _server(text: str) -> ManagedServer:
    kind, _, rest = text.partition("=")
    if kind not in get_args(Kind):
        raise ValueError(f"{text!r} does not begin with one of {', '.join(get_args(Kind))} and '='")
    url, at, size = rest.rpartition("@")
    if not at:
        url, size = rest, ""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{text!r}: the URL does not begin with http:// or https://")
    root = url.rstrip("/").removesuffix("/v1")
    return ManagedServer(cast("Kind", kind), root, _bytes(size, text) if size else None)


def _bytes(size: str, text: str) -> int:
    found = _SIZE.fullmatch(size)
    if found is None:
        raise ValueError(f"{text!r}: '{size}' is no size such as 20GB")
    return int(float(found[1]) * _FACTORS[found[2].upper()])
