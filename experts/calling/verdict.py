"""What a failure means: whom to ask next, and whether the endpoint is to blame. Pure."""

from __future__ import annotations

from enum import Enum, auto
from http import HTTPStatus

from experts.errors import (
    ContextTooLong,
    ExpertAnswerInvalid,
    ExpertError,
    ExpertFailed,
    ExpertMisconfigured,
    ExpertOverloaded,
    ExpertTimedOut,
    ExpertUnreachable,
    RequestRefused,
)


class Move(Enum):
    """Whom to ask after a failure."""

    NOBODY = auto()
    """The answer would be the same."""
    AGAIN = auto()
    """Another endpoint of the same expert at once, or the same one after a while."""
    ELSEWHERE = auto()
    """Another endpoint of the same expert, or else the next expert."""
    ONWARD = auto()
    """The next expert; an endpoint of the same one only where there is none."""
    LARGER = auto()
    """The next expert with more room."""


def move_after(error: ExpertError) -> Move:
    """Return whom to ask after a failure.

    What a server did not take, or failed at without an answer, is asked again: a second answer may
    cost money, but the first was never had. A full wait in vain is not repeated at the same expert:
    it may have worked and billed all the time.
    """
    if isinstance(error, ContextTooLong):
        return Move.LARGER
    if isinstance(error, RequestRefused):
        return Move.NOBODY
    if isinstance(error, ExpertTimedOut):
        return Move.ONWARD
    if isinstance(error, ExpertMisconfigured | ExpertAnswerInvalid):
        return Move.ELSEWHERE
    passing = isinstance(error, ExpertUnreachable | ExpertOverloaded)
    return Move.AGAIN if passing or _server_failed(error) else Move.ELSEWHERE


def blames(error: ExpertError) -> bool:
    """Tell whether a failure says something of the endpoint, and not of the request alone."""
    return isinstance(error, ExpertFailed | ExpertMisconfigured)


def is_provoked(error: ExpertError) -> bool:
    """Tell whether a request can be written so that a sound endpoint fails like this.

    A server that is not reached has not read it, nor has one that says nothing at all.
    """
    return not isinstance(error, ExpertUnreachable | ExpertTimedOut)


def _server_failed(error: ExpertError) -> bool:
    status = error.upstream_status
    return status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR
