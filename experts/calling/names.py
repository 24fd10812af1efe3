"""What endpoints are called where people and logs see them: never with anything secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from experts.catalogue.expert import Endpoint

DEFAULT = "default"
"""Of an endpoint without an address."""


def endpoint_name(endpoint: Endpoint) -> str:
    """Return an endpoint's URL without user, password, query and fragment."""
    if not endpoint.url:
        return DEFAULT
    if "://" not in endpoint.url:
        return endpoint.url  # a path
    parts = urlsplit(endpoint.url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def endpoint_names(endpoints: Sequence[Endpoint]) -> tuple[str, ...]:
    """Return a name for each endpoint; those with the same URL (and keys of their own) are numbered."""
    names = [endpoint_name(endpoint) for endpoint in endpoints]
    often, seen = Counter(names), Counter[str]()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(f"{name}#{seen[name]}" if often[name] > 1 else name)
    return tuple(unique)
