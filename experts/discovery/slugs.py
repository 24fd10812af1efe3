"""Ids made from names that vendors and servers give their models."""

from __future__ import annotations

import re

from experts.catalogue.expert import RESERVED_IDS

MAX_ID_CHARS = 64
_NOT_ALLOWED = re.compile(r"[^a-z0-9._-]+")


def slug(prefix: str, name: str) -> str:
    """Return an expert id for a model: lower case, no other characters than ids may have.

    Args:
        prefix: What the id begins with, such as the vendor.
        name: The model's name, which may hold anything.
    """
    text = _NOT_ALLOWED.sub("-", f"{prefix}-{name}".lower()).strip("._-") or "model"
    if RESERVED_IDS.fullmatch(text):
        text = f"x-{text}"
    return text[:MAX_ID_CHARS].rstrip("._-")
