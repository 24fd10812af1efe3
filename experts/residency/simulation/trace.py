"""Traces: who asked for which expert, when, and how much there was to read and write."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

_MOST_TOKENS = 10**9


class TraceInvalid(ValueError):
    """A file is no trace; the message says where and why."""


class Request(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line of a trace.

    Args:
        at: Seconds from its beginning.
        expert: Who answers. May be left out where ``probabilities`` are given: the likeliest does;
            and where ``category`` is: see :func:`spread`.
        category: What kind of request it is.
        probabilities: How likely the router thought each expert.
        prompt_tokens: To read.
        output_tokens: To write.
    """

    at: float
    expert: str = ""
    category: str | None = None
    probabilities: dict[str, float] | None = None
    prompt_tokens: int = 200
    output_tokens: int = 100

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            ValueError: If a field is out of range, or there is no expert.
        """
        if not 0.0 <= self.at < 1e12:
            raise ValueError("'at' is not a number of seconds from 0 on")
        if not (
            0 <= self.prompt_tokens <= _MOST_TOKENS and 0 <= self.output_tokens <= _MOST_TOKENS
        ):
            raise ValueError(f"numbers of tokens are from 0 to {_MOST_TOKENS:,}")
        if any(not 0.0 <= p <= 1.0 for p in (self.probabilities or {}).values()):
            raise ValueError("'probabilities' are between 0 and 1")
        if not self.expert and not self.probabilities and self.category is None:
            raise ValueError("give 'expert', 'probabilities' or 'category'")

    @property
    def answers(self) -> str:
        """Who answers; nobody where neither an expert nor probabilities are given."""
        if self.expert or not self.probabilities:
            return self.expert
        likely = self.probabilities
        return max(likely, key=lambda each: (likely[each], each))


def read(path: Path) -> list[Request]:
    """Read a trace, one request a line, and return it in order of time.

    Raises:
        TraceInvalid: If a line is no request, or there is none.
    """
    decoder = msgspec.json.Decoder(Request)
    found = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                try:
                    found.append(decoder.decode(line))
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise TraceInvalid(f"{path.name}, line {number}: {error}") from error
    if not found:
        raise TraceInvalid(f"{path.name} holds no request")
    return sorted(found, key=lambda request: request.at)


def write(path: Path, requests: Iterable[Request]) -> None:
    """Write a trace, one request a line."""
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for request in requests:
            file.write(encode(request) + b"\n")


def spread(requests: Sequence[Request], experts: int, skew: float, seed: int) -> list[Request]:
    """Let so many experts answer the requests that name none: each category by its own share of them.

    Args:
        requests: By time.
        experts: How many there are, one at least for each category.
        skew: Exponent of Zipf's law of the experts' popularity within their category; 0: all alike.
        seed: The same seed gives the same trace.

    Raises:
        TraceInvalid: If there are more categories than experts.
    """
    open_ones = {one.category or "" for one in requests if not one.answers}
    categories = sorted(open_ones)
    if len(categories) > experts:
        raise TraceInvalid(
            f"{len(categories)} categories need as many experts; there are {experts}"
        )
    dice = random.Random(seed)  # noqa: S311 (a simulation, nothing secret)
    names = {
        category: [_name(number) for number in range(place, experts, len(categories))]
        for place, category in enumerate(categories)
    }
    found = []
    for one in requests:
        if not one.answers:
            among = names[one.category or ""]
            weights = [1.0 / (rank + 1) ** skew for rank in range(len(among))]
            picked = dice.choices(among, weights)[0]
            found.append(msgspec.structs.replace(one, expert=picked))
        else:
            found.append(one)
    return found


def _name(number: int) -> str:
    return f"expert-{number:03d}"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a generated trace is like.

    Args:
        experts: How many there are; they are called ``expert-000`` and so on.
        requests: How many there are.
        rate: Requests a second, on average.
        skew: Exponent of Zipf's law of the experts' popularity; 0: all alike.
        categories: Kinds of requests; each is answered by some of the experts.
        burst: Share of the requests that belong to the topic of the hour.
        burst_seconds: How long a topic stays.
        session: Requests of one conversation on average; it stays with its expert.
        think_seconds: Between two requests of a conversation, on average.
        prompt_tokens: Read, on average.
        output_tokens: Written, on average.
        seed: The same seed gives the same trace.
    """

    experts: int = 6
    requests: int = 1000
    rate: float = 2.0
    skew: float = 1.0
    categories: int = 3
    burst: float = 0.3
    burst_seconds: float = 300.0
    session: float = 3.0
    think_seconds: float = 20.0
    prompt_tokens: int = 200
    output_tokens: int = 100
    seed: int = 0


@dataclass(slots=True)
class _Dice:
    random: random.Random
    shape: Shape
    names: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    category_of: Mapping[str, int] = field(default_factory=dict)

    def tokens(self, mean: int) -> int:
        # Lengths of prompts and answers have a long tail; this one's mean is as asked.
        return max(1, round(self.random.lognormvariate(0.0, 0.7) * mean / 1.278))

    def expert(self, topic: int | None) -> str:
        if topic is None:
            return self.random.choices(self.names, self.weights)[0]
        inside = [n for n in range(len(self.names)) if self.category_of[self.names[n]] == topic]
        picked = self.random.choices(inside, [self.weights[n] for n in inside])[0]
        return self.names[picked]


def generate(shape: Shape) -> list[Request]:
    """Make a trace up: popular and rare experts, topics that come and go, conversations.

    Args:
        shape: What it is like.
    """
    dice = _dice(shape)
    topics = min(shape.categories, shape.experts)
    found: list[Request] = []
    at = 0.0
    first = shape.rate / shape.session
    while len(found) < shape.requests:
        at += dice.random.expovariate(first)
        bursting = dice.random.random() < shape.burst
        topic = int(at // shape.burst_seconds) * 7 % topics if bursting else None
        expert = dice.expert(topic)
        when = at
        for _ in range(1 + int(dice.random.expovariate(1.0 / max(shape.session - 1.0, 1e-9)))):
            found.append(_request(dice, expert, when))
            when += dice.random.expovariate(1.0 / max(shape.think_seconds, 1e-9))
    return sorted(found[: shape.requests], key=lambda request: request.at)


def _dice(shape: Shape) -> _Dice:
    dice = random.Random(shape.seed)  # noqa: S311 (a simulation, nothing secret)
    names = [_name(number) for number in range(shape.experts)]
    weights = [1.0 / (rank + 1) ** shape.skew for rank in range(shape.experts)]
    dice.shuffle(weights)
    topics = min(shape.categories, shape.experts)
    category_of = {name: number % topics for number, name in enumerate(names)}
    return _Dice(dice, shape, names, weights, category_of)


def _request(dice: _Dice, expert: str, at: float) -> Request:
    return Request(
        at=round(at, 6),
        expert=expert,
        category=f"topic-{dice.category_of[expert]}",
        prompt_tokens=dice.tokens(dice.shape.prompt_tokens),
        output_tokens=dice.tokens(dice.shape.output_tokens),
    )
