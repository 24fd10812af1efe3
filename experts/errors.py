"""What can go wrong when an expert is called, named by whom to blame.

::

    ExpertError
    ├── RequestRefused        the caller: the expert does not accept this request (HTTP 4xx)
    │   └── ContextTooLong        more tokens than this expert takes; one with more room may
    ├── ExpertMisconfigured   the operator: missing key, unknown model, wrong URL, missing package
    └── ExpertFailed          the expert: it should have answered and did not
        ├── ExpertUnreachable     no connection, or it broke before the first byte
        ├── ExpertOverloaded      429 or 503, perhaps with a time to wait
        ├── ExpertTimedOut        no answer within the deadline
        └── ExpertAnswerInvalid   an answer that is not one: malformed, empty, broken off

The codes are stable and end up in the API's error bodies. HTTP statuses of our own are not chosen
here: the service translates codes once, where it speaks HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experts.calling.attempts import Attempt


def without_frames(error: ExpertError) -> ExpertError:
    """Return an error that lets go of the frames it has passed, and those that it came of likewise.

    An error that is kept while its call goes on is held by a frame that it holds. Such a ring stays in memory, with an
    answer of ten megabytes perhaps, until the garbage collector looks for rings.
    """
    one: BaseException | None = error
    while one is not None:
        one.__traceback__ = None
        one = one.__cause__ or one.__context__
    return error


class ExpertError(Exception):
    """An expert did not answer.

    Args:
        message: One sentence for a person; never holds a secret.
        expert: Id of the expert that was called, where known.
        upstream_status: The HTTP status the expert's server gave, where there was one.
        upstream_body: The first bytes of what it said, for the log.
    """

    code = "expert_error"

    def __init__(
        self,
        message: str,
        *,
        expert: str | None = None,
        upstream_status: int | None = None,
        upstream_body: bytes | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expert = expert
        self.upstream_status = upstream_status
        self.upstream_body = upstream_body
        self.retry_after = retry_after
        """Seconds the expert asked to be left alone, where it said so."""
        self.attempts: Sequence[Attempt] = ()
        """All that was tried before this was given up, where :mod:`experts.calling` did it."""
        self.produced = b""
        """Whole events of an answer that came before it failed and that nobody has seen."""


class RequestRefused(ExpertError):
    """The expert does not accept this request; asking again changes nothing."""

    code = "expert_refused_request"


class ContextTooLong(RequestRefused):
    """Prompt and answer would need more tokens than the expert takes; another may have room."""

    code = "context_length_exceeded"


class ExpertMisconfigured(ExpertError):
    """The operator's entry for this expert cannot work: key, model, address or package."""

    code = "expert_misconfigured"


class ExpertFailed(ExpertError):
    """The expert should have answered and did not; another may."""

    code = "expert_failed"


class ExpertUnreachable(ExpertFailed):
    """No connection, or it broke before the first byte of the answer."""

    code = "expert_unreachable"


class ExpertOverloaded(ExpertFailed):
    """The expert says that it has too much to do; ``retry_after`` holds its wish, if any."""

    code = "expert_overloaded"


class ExpertTimedOut(ExpertFailed):
    """No answer within the deadline."""

    code = "expert_timeout"


class ExpertAnswerInvalid(ExpertFailed):
    """What came back is not an answer: malformed, empty, or broken off half-way."""

    code = "expert_answer_invalid"
