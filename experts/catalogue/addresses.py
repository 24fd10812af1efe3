"""Which URLs an expert may be reached at, as far as the text of the URL tells."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_PLAIN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # printable ASCII without blank and backslash


def address_problem(url: str) -> str | None:
    """Say what is wrong with an HTTP base URL, or ``None`` where nothing is.

    Parsers disagree about blanks, backslashes and control characters (RFC 3986 has none of them),
    so a URL that holds one is refused rather than guessed at.
    """
    if not _PLAIN.fullmatch(url):
        return "a URL holds only printable ASCII without blanks and backslashes"
    try:
        parts = urlsplit(url)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError:
        return "not a URL: its host or port cannot be read"
    if not port_is_good:
        return "the port must lie in 1..65535"
    return _parts_problem(parts)


def _parts_problem(parts: SplitResult) -> str | None:
    if parts.scheme not in {"http", "https"}:
        return "must begin with http:// or https://"
    if not parts.hostname:
        return "names no host"
    if "@" in parts.netloc:
        return "must not hold a user name or password: use 'api_key'"
    if parts.query or parts.fragment:
        return "must not have a query or fragment: it is a base that paths are added to"
    return None
