"""Names a request by all that its answer depends on. Pure.

Two requests have one key only if an expert is asked the same by both: the order of the keys of a
JSON object says nothing, the order of an array does, and so does whether a field is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from experts.providers.wire import plain

_NOT_THE_ANSWER = frozenset(
    {
        "coe",
        "metadata",
        "model",  # what answers is the expert; under which name it was asked for is not its business
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "user",
    }
)
"""Fields that change how an answer is delivered, billed or filed, and not what it says."""
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked, on whose behalf.

    Args:
        tenant: Whose request it is; no two tenants share a key.
        expert: Id of the expert that is asked.
        version: Of its catalogue entry, which holds its model, system prompt and defaults.
        kind: Which operation of it: ``chat`` or ``embeddings``.
    """

    tenant: str
    expert: str
    version: int
    kind: str = "chat"


def cache_key(asked: Asked, fields: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 digest that names a request.

    Args:
        asked: Who is asked.
        fields: The request by field; values are plain or ``msgspec.Raw``.

    Raises:
        ValueError: If a field is not JSON.
    """
    digest = hashlib.sha256()
    for part in (asked.tenant, asked.expert, str(asked.version), asked.kind):
        _add(digest, part.encode("utf-8", "replace"))
    for name in sorted(fields):
        if name not in _NOT_THE_ANSWER:
            _add(digest, name.encode("utf-8", "replace"))
            _add(digest, _encode(plain(fields[name])))
    return digest.digest()


def _add(digest: Any, part: bytes) -> None:
    # With its length, so that no two sequences of parts are the same bytes.
    digest.update(len(part).to_bytes(8) + part)


def is_sampled(fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> bool:
    """Tell whether a chat request may be answered otherwise each time it is asked.

    A request that says nothing of temperature is sampled, as all vendors' defaults are above zero.

    Args:
        fields: The request by field; values are plain or ``msgspec.Raw``.
        defaults: What the expert's entry sets where the request does not.

    Raises:
        ValueError: If a field is not JSON.
    """

    def value(name: str) -> Any:
        given = plain(fields.get(name))
        return defaults.get(name) if given is None else given

    copies = value("n")
    return value("temperature") != 0 or (copies is not None and copies != 1)
