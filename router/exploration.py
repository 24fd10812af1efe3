"""Now and then another expert answers, so that evidence on it can be had."""

from __future__ import annotations

import hashlib

MAX_EXPLORATION = 0.2
"""No more than this share of requests is given to others than the best."""
EXPLORED = 5
"""One of this many, those next to the best, gets the request."""


def explored(request_id: str, share: float, salt: str, others: int) -> int | None:
    """Decide whether a request explores, by a hash of its id: the same id, the same answer.

    Args:
        request_id: The request's id; an empty one never explores.
        share: Of requests that explore, 0 to 1.
        salt: Makes one router's explorers others than the next one's.
        others: How many experts could take it beside the best.

    Returns:
        Which of them does, counted from 0 by rank, or ``None``.
    """
    if share <= 0.0 or others < 1 or not request_id:
        return None
    digest = hashlib.blake2b(f"{salt}\0{request_id}".encode("utf-8", "replace"), digest_size=16)
    value = int.from_bytes(digest.digest(), "big")
    if (value >> 64) / 2.0**64 >= share:
        return None
    return (value & (2**64 - 1)) % min(others, EXPLORED)
