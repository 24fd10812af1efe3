"""What is asked of one call, and how the caller goes about all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from experts.calling.attempts import Attempt
from experts.calling.backoff import Backoff
from experts.catalogue.expert import Expert

Permit = Callable[[Expert], Awaitable[bool]]
"""Tells whether an expert may be asked beside all that has been tried: it may cost too much."""


class CallOptions(msgspec.Struct, frozen=True):
    """How long a call may take, and what it is known by.

    Args:
        timeout: Seconds until the whole answer must be there, whoever gives it.
        first_token_timeout: Seconds until a stream must have begun, whoever streams.
        request_id: Sent on as ``x-request-id``.
        origin: Whose call it is; failures that a request can bring about are told apart by it.
        attempts: Everything that is tried is noted here as it begins, so that whoever is cancelled
            in the middle knows of it.
        permit: Is asked before every call but one of the first expert that is the first of all;
            ``None``: everybody may be asked.
        category: What kind of request the router found it to be.
        likely: How likely the router thought each kind.
    """

    timeout: float = 600.0
    first_token_timeout: float = 120.0
    request_id: str = ""
    origin: str | None = None
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    permit: Permit | None = None
    category: str | None = None
    likely: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class CallRules:
    """How calls are made well.

    Args:
        attempts: The most endpoints that are asked for one answer.
        retries: How often one expert is asked again after it has failed.
        patience: The longest wait, in seconds, for an expert that asks for one, where another could
            be asked at once.
        longest_wait: The same where there is nobody else.
        share: Part of the time that is left which a call has alone; then somebody else is asked
            beside it, if there is anybody.
        idle_timeout: Seconds that a stream that has begun may say nothing.
        fair_timeout: Seconds that an endpoint must have been given for a whole answer for it to be
            to blame for being late.
        fair_first_token: The same for the first token of a stream.
        rest: The longest time, in seconds, that an endpoint is left alone because it asked for it.
        hedge: Ask another endpoint or expert too when one takes longer than it usually does.
        hedge_ratio: The most hedges for each call.
        backoff: The wait before the same endpoint is asked again.
    """

    attempts: int = 5
    retries: int = 1
    patience: float = 1.0
    longest_wait: float = 10.0
    share: float = 2 / 3
    idle_timeout: float = 60.0
    fair_timeout: float = 0.0
    fair_first_token: float = 0.0
    rest: float = 60.0
    hedge: bool = False
    hedge_ratio: float = 0.05
    backoff: Backoff = field(default_factory=Backoff)
