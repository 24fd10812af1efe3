"""One page of a list."""

from __future__ import annotations

from typing import Generic, TypeVar

from coe_client.types.base import WireModel

T = TypeVar("T")


class Page(WireModel, Generic[T]):
    """Some records of a list and where the next ones begin."""

    data: list[T]
    has_more: bool = False
    next: str | None = None
    """Cursor of the next page, to be passed as ``after``."""
    total: int | None = None
    """How many there are on all pages, where the service tells."""
