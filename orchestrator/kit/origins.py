"""Origins of web pages, as browsers name them (RFC 6454)."""

from __future__ import annotations


def split_origins(text: str) -> list[str]:
    """Return the origins of a setting's value.

    Raises:
        ValueError: If a part is no origin, such as ``*`` or one with a path.
    """
    origins = [part.strip() for part in text.split(",") if part.strip()]
    for origin in origins:
        scheme, found, host = origin.partition("://")
        if scheme not in {"http", "https"} or not found or not host or set(host) & set("/*?# @"):
            raise ValueError(f"{origin!r} is no origin, such as https://app.example.com")
    return origins
