"""What the scripted upstream has seen and served, billed as vendors do.

What was produced is on the bill, and the prompt with it; nothing is where nothing was produced.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Taken:
    """One request as the upstream saw it.

    Args:
        model: The model it named.
        request_id: Its ``x-request-id``.
        streamed: Whether a stream was asked for.
        prompt_tokens: What its prompt counts.
        well: Whether it is to be answered well.
    """

    model: str
    request_id: str
    streamed: bool
    prompt_tokens: int
    well: bool
    sent_tokens: int = field(default=0, init=False)
    """Tokens of the answer that were written to the socket."""
    ended: bool = field(default=False, init=False)
    """Whether the answer was sent to its end."""

    @property
    def billed(self) -> tuple[int, int]:
        """Tokens read and written that are on the bill: none where nothing was produced."""
        return (self.prompt_tokens, self.sent_tokens) if self.sent_tokens else (0, 0)


@dataclass(slots=True)
class Ledger:
    """What the upstream has seen and served, in order."""

    taken: list[Taken] = field(default_factory=list)
    open: int = 0
    """Requests that are being answered."""


def nanos_by_request(taken: Iterable[Taken], price_in: float, price_out: float) -> dict[str, int]:
    """Return each request's bill in billionths of a dollar, at prices per million tokens."""
    bill: dict[str, int] = {}
    for one in taken:
        read, written = one.billed
        nanos = round(1000 * (read * price_in + written * price_out))
        bill[one.request_id] = bill.get(one.request_id, 0) + nanos
    return bill
