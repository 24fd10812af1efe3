"""What a message is sent with: models, instructions, limits; from the page's address and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coe_client.types import ChatOptions, CoeOptions

MOST = 4
"""Models side by side."""
USUAL = "coe"


@dataclass(frozen=True, slots=True)
class Setup:
    """What all models are asked with.

    Args:
        system: Instructions before the conversation; empty: none.
        temperature: 0 (always the likeliest) to 2.
        max_tokens: Of the answer.
        max_cost: US dollars that the answer may be expected to cost.
        max_latency: Seconds that it may be expected to take.
        quality_floor: 0 to 1: the cheapest expert that is expected to reach it.
        cache: Whether answers that are kept may be used.
    """

    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    max_latency: float | None = None
    quality_floor: float | None = None
    cache: bool = False

    def messages(self, history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return a conversation with the instructions before it."""
        before = [{"role": "system", "content": self.system}] if self.system.strip() else []
        return [*before, *(dict(one) for one in history)]

    def limits(self) -> CoeOptions:
        """Return what limits the router's choice."""
        found = CoeOptions()
        if self.max_cost is not None:
            found["max_cost"] = self.max_cost
        if self.max_latency is not None:
            found["max_latency"] = self.max_latency
        if self.quality_floor is not None:
            found["quality_floor"] = self.quality_floor
        return found

    def options(self) -> ChatOptions:
        """Return the optional fields of a chat request."""
        found = ChatOptions()
        if self.temperature is not None:
            found["temperature"] = self.temperature
        if self.max_tokens is not None:
            found["max_tokens"] = self.max_tokens
        own = self.limits()
        if self.cache:
            own["cache"] = True
        if own:
            found["coe"] = own
        return found

    def told(self) -> str:
        """Return what is set, in a few words."""
        parts = [
            "instructions" if self.system.strip() else "",
            f"temperature {self.temperature:g}" if self.temperature is not None else "",
            f"at most {self.max_tokens} tokens" if self.max_tokens is not None else "",
            f"at most ${self.max_cost:g}" if self.max_cost is not None else "",
            f"at most {self.max_latency:g} s" if self.max_latency is not None else "",
            f"quality from {self.quality_floor:g}" if self.quality_floor is not None else "",
            "cache on" if self.cache else "",
        ]
        return ", ".join(filter(None, parts)) or "Nothing set: every model's own defaults"

    def parameters(self) -> list[tuple[str, str]]:
        """Return the parameters of an address that ask for it."""
        found = [("system", self.system)] if self.system.strip() else []
        for name in _NUMBERS:
            value = getattr(self, name)
            if value is not None:
                found.append((name, f"{value:g}"))
        return [*found, ("cache", "1")] if self.cache else found


_NUMBERS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "max_tokens": (1, 1_000_000),
    "max_cost": (0, 1_000),
    "max_latency": (0, 3_600),
    "quality_floor": (0, 1),
}


def setup_of(query: Mapping[str, str]) -> Setup:
    """Return what an address asks for; numbers that make no sense are left out."""
    numbers = {name: number(name, query.get(name)) for name in _NUMBERS}
    most = numbers["max_tokens"]
    return Setup(
        system=query.get("system", ""),
        temperature=numbers["temperature"],
        max_tokens=None if most is None else int(most),
        max_cost=numbers["max_cost"],
        max_latency=numbers["max_latency"],
        quality_floor=numbers["quality_floor"],
        cache=query.get("cache") == "1",
    )


def number(name: str, text: object) -> float | None:
    """Return a setting's number, ``None`` where it is none or outside its range."""
    least, most = _NUMBERS[name]
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if least <= value <= most else None


def models_of(asked: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """Return the models that an address asks for, at most four; unknown ones are left out."""
    found = [one for one in dict.fromkeys(asked) if one in known][:MOST]
    return found or [USUAL if USUAL in known else next(iter(known), USUAL)]
