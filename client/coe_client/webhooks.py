"""Messages to webhooks of yours: who sent them, when, and what they say.

Source: Standard Webhooks, https://github.com/standard-webhooks/standard-webhooks, "Verifying webhook authenticity".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence

from coe_client.errors import WebhookInvalidError
from coe_client.requests import parse
from coe_client.types.runs import WebhookEvent

TOLERANCE = 300.0
"""Seconds that a message may be old, or be from the future: an old one may be somebody's recording."""
_PREFIX = "whsec_"
_VERSION = "v1"


def unwrap(
    body: bytes | str,
    headers: Mapping[str, str],
    *,
    secret: str | Sequence[str],
    tolerance: float = TOLERANCE,
    clock: Callable[[], float] = time.time,
) -> WebhookEvent:
    """Read a message, once its signature has been checked.

    A message may come more than once: ``webhook-id`` is then the same.

    Args:
        body: The request's body, byte for byte as it came.
        headers: The request's headers, names in any case.
        secret: What the webhook was made with, or several, where it is being changed.
        tolerance: Seconds its time may differ from this machine's.
        clock: Returns seconds since 1970.

    Raises:
        WebhookInvalidError: It is not from this service, is too old, or was changed on its way.
        APIResponseInvalidError: It is, and says nothing that can be read.
        ValueError: A secret cannot be one.
    """
    verify(body, headers, secret=secret, tolerance=tolerance, clock=clock)
    return parse(WebhookEvent, body, request_id=None)


def verify(
    body: bytes | str,
    headers: Mapping[str, str],
    *,
    secret: str | Sequence[str],
    tolerance: float = TOLERANCE,
    clock: Callable[[], float] = time.time,
) -> None:
    """Check the signature of a message; arguments and errors as for :func:`unwrap`."""
    named = {name.lower(): value for name, value in headers.items()}
    sent = {name: named.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")}
    missing = [name for name, value in sent.items() if not value]
    if missing:
        raise WebhookInvalidError(f"The message has no header webhook-{missing[0]}.")
    _check_time(sent["timestamp"], tolerance, clock())
    raw = body.encode() if isinstance(body, str) else body
    content = f"{sent['id']}.{sent['timestamp']}.".encode() + raw
    secrets = [secret] if isinstance(secret, str) else secret
    wanted = [_signature(_key(one), content) for one in secrets]
    if not any(
        hmac.compare_digest(one, given)
        for given in _signatures(sent["signature"])
        for one in wanted
    ):
        raise WebhookInvalidError("The message's signature is not made with this secret.")


def _check_time(timestamp: str, tolerance: float, now: float) -> None:
    if not timestamp.isascii() or not timestamp.isdecimal():
        raise WebhookInvalidError("The message's webhook-timestamp is no time.")
    age = now - int(timestamp)
    if abs(age) > tolerance:
        when = "old" if age > 0 else "from the future"
        raise WebhookInvalidError(f"The message is {when} by {abs(age):.0f} seconds.")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise ValueError("a webhook's secret is whsec_ and base64 behind it")
    return key


def _signature(key: bytes, content: bytes) -> bytes:
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())


def _signatures(header: str) -> list[bytes]:
    """Return the signatures in a header, which has one for each secret in use."""
    pairs = (entry.partition(",") for entry in header.split(" "))
    return [value.encode() for version, _, value in pairs if version == _VERSION]
