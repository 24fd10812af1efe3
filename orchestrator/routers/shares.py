"""Which requests belong to a share of them: a pure function of their keys."""

from __future__ import annotations

import hashlib


def in_share(key: str, salt: str, share: float) -> bool:
    """Tell whether a key belongs to a share of all keys; the same answer on every replica.

    Args:
        key: Of a session or a request.
        salt: Of what is shared out, so that two shares do not fall on the same keys.
        share: 0 to 1. A larger share holds every key that a smaller one held.
    """
    text = f"{salt}\x00{key}".encode(errors="surrogatepass")
    place = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
    return place < share * 2.0**64
