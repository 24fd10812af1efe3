"""What is known of the models: what they take, how long their loads take, which of them stay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

from experts.residency.policy.values import Model

_SMOOTHING = 0.3
_REMEMBERED = 64
_MARGIN = 1.25
"""The next answer may be longer than all of the last ones."""


class Inventory:
    """Models by name, as they turned out to be.

    Args:
        capacity: Bytes that loaded models may take together.
        pinned: Models that are never taken out.
    """

    def __init__(self, capacity: float, pinned: Iterable[str] = ()) -> None:
        self.capacity = capacity
        self.pinned = set(pinned)
        self.version = 0
        """Another one where a size or a duration is another."""
        self.loads: dict[str, float] = {}
        """Seconds of a load, by model: a moving mean, once one was measured."""
        self._measured: set[str] = set()
        self._models: dict[str, Model] = {}
        self._sizes: dict[str, int] = {}
        self._answers: deque[float] = deque(maxlen=_REMEMBERED)
        self._longest = 0.0

    def __contains__(self, model: str) -> bool:
        return model in self._models

    def __getitem__(self, model: str) -> Model:
        return self._models[model]

    # What they take.

    def add(self, model: Model) -> None:
        """Make a model known, or what it takes anew."""
        self._models[model.name] = model
        self.loads.setdefault(model.name, model.load_seconds)
        self._weigh((model.name,) if model.name not in self.pinned else self._models)

    def expect(self, model: str, size: int) -> None:
        """Tell what a model will take, in bytes, as far as is known by now."""
        self.add(replace(self._models[model], size=size))

    def size(self, model: str) -> int:
        """Return the bytes that a model counts for.

        One that turned out to take more than there may be counts as all there may be beside what is
        pinned, since it could never be loaded again otherwise.
        """
        return self._sizes[model]

    def sizes(self) -> Mapping[str, int]:
        """Return what all models count for."""
        return self._sizes

    # Which of them stay.

    def room_for(self, model: str) -> float:
        """Return the bytes that there are for a model beside what is pinned."""
        others = (one for one in self.pinned if one != model and one in self._models)
        return self.capacity - sum(self._models[one].size for one in others)

    def squeezed_by(self, model: str) -> str | None:
        """Return a model that would not fit any more if this one were pinned; ``None``: all would."""
        size = self._models[model].size
        for name, other in self._models.items():
            if (
                name != model
                and name not in self.pinned
                and other.size > self.room_for(name) - size
            ):
                return name
        return None

    def pin(self, model: str) -> None:
        """Never take a model out."""
        self.pinned.add(model)
        self._weigh(self._models)

    def unpin(self, model: str) -> None:
        """Let a model be taken out again."""
        self.pinned.discard(model)
        self._weigh(self._models)

    # How long things take.

    def loaded(self, model: str, seconds: float) -> None:
        """Take note of a load."""
        before = self.loads[model] if model in self._measured else seconds
        self._measured.add(model)
        self.loads[model] = before + _SMOOTHING * (seconds - before)
        self.version += 1

    def answered(self, seconds: float) -> None:
        """Take note of how long an answer took."""
        self._answers.append(seconds)
        longest = _MARGIN * max(self._answers)
        if longest != self._longest:
            self._longest = longest
            self.version += 1

    def answer(self) -> float:
        """Return how long an answer under way may still take: the longest of the last ones, and some."""
        return self._longest

    def _weigh(self, models: Iterable[str]) -> None:
        self.version += 1
        for name in models:
            size = self._models[name].size
            self._sizes[name] = int(max(min(size, self.room_for(name)), 0))
