"""The fewest loads of all orders in which requests can be answered in time: by trying all, for small cases.

:mod:`.optimum` takes the order as it was. Here it is chosen as well, with everything known in advance, so nobody who
learns of requests as they come can be expected to get there. In return the world is small: one lane, answers of one
second, loads of whole seconds that go on beside answers, one at a time, and room for so many models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class _State:
    served: tuple[int, ...]
    held: frozenset[int]
    loading: int | None = None
    left: int = 0
    """Seconds that the load still takes."""


Cost = tuple[int, int]
"""Loads, and seconds waited by all together: compared in this order."""


@dataclass(frozen=True, slots=True)
class World:
    """A small case.

    Args:
        arrivals: For each model, the seconds at which it is asked for; rising.
        places: Models that fit into memory.
        load: Seconds of a load, whole.
        max_wait: Seconds that a request may wait.
    """

    arrivals: Sequence[Sequence[int]]
    places: int
    load: int
    max_wait: int

    def fewest(self) -> Cost | None:
        """Return the fewest loads, and the least waiting with so few; ``None``: it cannot be done in time."""
        done = tuple(map(len, self.arrivals))
        states: dict[_State, Cost] = {_State((0,) * len(done), frozenset()): (0, 0)}
        now, best = 0, None
        while states:
            ended = [cost for state, cost in states.items() if state.served == done]
            best = min([*ended, *([best] if best else [])], default=None)
            after: dict[_State, Cost] = {}
            for state, (loads, waited) in states.items():
                for step, loaded, seconds in self._steps(state, now):
                    cost = loads + loaded, waited + seconds
                    if (best is None or cost < best) and cost < after.get(step, (1 << 30, 0)):
                        after[step] = cost
            states = {state: cost for state, cost in after.items() if self._in_time(state, now + 1)}
            now += 1
        return best

    def _in_time(self, state: _State, now: int) -> bool:
        return all(
            state.served[model] == len(times) or times[state.served[model]] + self.max_wait >= now
            for model, times in enumerate(self.arrivals)
        )

    def _steps(self, state: _State, now: int) -> Iterator[tuple[_State, int, int]]:
        """Yield where a second can lead, with the loads begun and the seconds waited by who begins."""
        for begun, loaded in self._begun(state):
            ends = begun.loading is not None and begun.left == 1
            held = (
                begun.held | {begun.loading} if ends and begun.loading is not None else begun.held
            )
            left = max(begun.left - 1, 0)
            later = replace(begun, held=held, loading=None if ends else begun.loading, left=left)
            yield later, loaded, 0
            for model in begun.held:
                place, times = begun.served[model], self.arrivals[model]
                if place < len(times) and times[place] <= now:
                    served = list(begun.served)
                    served[model] += 1
                    yield replace(later, served=tuple(served)), loaded, now - times[place]

    def _begun(self, state: _State) -> Iterator[tuple[_State, int]]:
        """Yield what memory can be told to do at this moment: nothing, or one load, and who leaves for it."""
        yield state, 0
        if state.loading is not None:
            return
        for model in range(len(self.arrivals)):
            if model in state.held or state.served[model] == len(self.arrivals[model]):
                continue
            if len(state.held) < self.places:
                yield replace(state, loading=model, left=self.load), 1
                continue
            for victim in state.held:
                yield replace(state, held=state.held - {victim}, loading=model, left=self.load), 1
