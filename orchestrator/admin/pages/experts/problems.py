"""Where in the form stands what the API says is wrong with an entry. Pure."""

from __future__ import annotations

import re

_ENTRY = re.compile(r"^experts\[\d+\]\.?")


def at_field(param: str | None, message: str) -> tuple[str | None, str]:
    """Return the form's field that an error of the API is about, and what it says there.

    Args:
        param: Field of the entry, such as ``endpoints[0].api_key.env``; ``None``: not told.
        message: All that is wrong, ``field: reason`` with semicolons between; an entry of several stands before.
    """
    if not param:
        return None, message
    param = _ENTRY.sub("", param)
    reason = re.search(rf"(?:^|\s){re.escape(param)}: (.*?)(?:; |$)", message)
    told = reason[1] if reason else message
    place, dot, rest = param.partition(".")
    if place.startswith("endpoints["):
        part = rest.partition(".")[0] if dot else "url"
        return f"{place}.{'key_name' if part == 'api_key' else part.partition('[')[0]}", told
    if place == "endpoints":
        return "endpoints[0].url", told
    if place == "price":
        return f"price.{rest.partition('.')[0].partition('[')[0]}", told
    return place.partition("[")[0], told
