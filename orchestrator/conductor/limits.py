"""How much a run may use, what it has used, and which limit stands in the way of more."""

from __future__ import annotations

from dataclasses import dataclass, fields

CONCLUDING_CALLS = 1
"""Of the calls this many are kept for the last word, so that a run is never left without one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may use.

    Args:
        rounds: Turns of whoever is in charge.
        calls: Of experts.
        depth: Levels of work: the run itself is the first, the parts of its task the second, the
            parts of a part the third.
        tokens: Read and written by all experts together.
        usd: US dollars.
        seconds: From the start of the run.

    Raises:
        ValueError: Where one is not positive.
    """

    rounds: int = 12
    calls: int = 32
    depth: int = 2
    tokens: int = 200_000
    usd: float = 1.0
    seconds: float = 300.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"limits: {field.name} is more than 0")


@dataclass(slots=True)
class Spent:
    """What a run has used so far."""

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0

    def add(self, other: Spent) -> None:
        """Add what else is used."""
        self.calls += other.calls
        self.tokens += other.tokens
        self.usd += other.usd

    def take_back(self, other: Spent) -> None:
        """Take back what was only expected."""
        self.calls -= other.calls
        self.tokens -= other.tokens
        self.usd -= other.usd


class LimitReached(Exception):
    """A limit stands in the way of the next step.

    Args:
        limit: Its name.
        value: What it is set to.
    """

    def __init__(self, limit: str, value: float) -> None:
        super().__init__(f"the limit of {value:g} {_UNITS[limit]} is reached")
        self.limit = limit
        self.value = value


_UNITS = {
    "rounds": "rounds",
    "calls": "expert calls",
    "depth": "levels of work",
    "tokens": "tokens",
    "usd": "US dollars",
    "seconds": "seconds",
}


def check_depth(limits: Limits, level: int) -> None:
    """Raise if work would go a level too deep.

    Args:
        limits: See there.
        level: Of the work, from 1.

    Raises:
        LimitReached: Of ``depth``.
    """
    if level > limits.depth:
        raise LimitReached("depth", limits.depth)


def check_call(
    limits: Limits, spent: Spent, seconds: float, expected: Spent, *, concluding: bool = False
) -> None:
    """Raise if another expert call would go over a limit.

    The last call of all is kept for concluding, as is a tenth of tokens, money and time: each limit
    binds ordinary calls a little earlier.

    Args:
        limits: See there.
        spent: So far, calls under way included.
        seconds: Since the run began.
        expected: What the call will use even if hardly anything is answered.
        concluding: Whether this is the last word.

    Raises:
        LimitReached: Naming the first limit that stands in the way.
    """
    kept = 0.0 if concluding else 0.1
    calls = limits.calls if concluding or limits.calls <= CONCLUDING_CALLS else limits.calls - 1
    if spent.calls >= calls:
        raise LimitReached("calls", limits.calls)
    used = {
        "tokens": spent.tokens + expected.tokens,
        "usd": spent.usd + expected.usd,
        "seconds": seconds,
    }
    for name, amount in used.items():
        limit = getattr(limits, name)
        if amount >= limit * (1.0 - kept):
            raise LimitReached(name, limit)
