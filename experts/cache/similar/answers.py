"""Kept prompts of one kind, and whether the answer to one of them will do for another.

Of one tenant and one ``rest`` (:mod:`experts.cache.similar.content`): whatever is not the prompt's
text is the same for all that are in here.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from experts.cache.similar.belief import NOTHING_KNOWN, STILL_ASKED, Belief, Outcome, learned
from experts.cache.similar.content import content_of
from experts.cache.similar.embeds import Confirms, Embeds
from experts.cache.similar.guards import Reason, kept_apart
from experts.cache.similar.index import VectorIndex
from experts.cache.similar.share import Share

_CANDIDATES = 4
_FLOOR = 0.6
"""Least similarity of the whole texts for a candidate to be confirmed."""
_REMEMBERED = 64
_OF_A_CATEGORY = 2000
_ANEW = 20
"""Comparisons after which a category's curve is drawn anew."""


@dataclass(slots=True)
class _Category:
    outcomes: deque[Outcome] = field(default_factory=lambda: deque(maxlen=_OF_A_CATEGORY))
    belief: Belief = NOTHING_KNOWN
    since: int = 0


class Categories:
    """What has been seen of each category: what is believed of a prompt that nothing is known of."""

    def __init__(self) -> None:
        self._known: dict[str, _Category] = {}
        self.share = Share()
        """How doubtful an answer may be that is given."""

    def prior(self, category: str) -> Belief:
        """Return what to believe of a prompt of a category."""
        known = self._known.get(category)
        return (NOTHING_KNOWN if known is None else known.belief).widened()

    def saw(self, category: str, outcome: Outcome) -> None:
        """Note a comparison."""
        known = self._known.setdefault(category, _Category())
        known.outcomes.append(outcome)
        known.since += 1
        if known.since >= min(_ANEW, len(known.outcomes)):
            known.belief, known.since = learned(known.outcomes), 0


@dataclass(slots=True)
class _Kept:
    prompt: str
    category: str
    outcomes: deque[Outcome] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a look for a kept answer, and why: this is what explains a hit.

    Args:
        name: Of the nearest prompt that nothing keeps apart.
        prompt: That prompt.
        similarity: Of what the two are about, as confirmed.
        ask: How likely one had to ask, 0 to 1.
        given: Whether the kept answer is given.
        comparisons: How many were known of that prompt.
        refused: Why nearer ones were not taken.
    """

    name: bytes | None
    prompt: str = ""
    similarity: float = 0.0
    ask: float = 1.0
    given: bool = False
    comparisons: int = 0
    refused: tuple[Reason, ...] = ()


class SimilarAnswers:
    """Prompts whose answers are kept.

    Args:
        candidates: Embeds whole texts, cheaply, to find candidates.
        confirms: Embeds what texts ask, to confirm one.
        categories: What is known of categories; shared by all of a tenant.
        wrong: The share of wrong answers that is chosen, 0 to 1.
        dimensions: Of the vectors that find candidates.
        chance: Returns a random number from 0 to 1.
    """

    def __init__(
        self,
        candidates: Embeds,
        confirms: Confirms,
        categories: Categories,
        *,
        wrong: float = 0.01,
        dimensions: int = 256,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._candidates = candidates
        self._confirms = confirms
        self._categories = categories
        self.wrong = wrong
        self._chance = chance
        self._index = VectorIndex(dimensions)
        self._kept: dict[bytes, _Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, name: bytes, prompt: str, category: str) -> None:
        """Keep a prompt.

        Args:
            name: Of its answer's entry.
            prompt: Its text.
            category: What it is about.
        """
        self._index.extend([name], self._candidates([prompt]))
        self._kept[name] = _Kept(prompt, category)

    def remove(self, name: bytes) -> bool:
        """Forget a prompt; returns whether it was there."""
        self._index.remove(name)
        return self._kept.pop(name, None) is not None

    @property
    def outgrown(self) -> bool:
        """Whether looks get slower than they have to be; see :meth:`regrow`."""
        return self._index.outgrown

    async def regrow(self) -> None:
        """Build the index anew in a thread, which takes up to some seconds; what changes meanwhile is in it."""
        index = await asyncio.to_thread(self._index.builder())
        index.catch_up(self._index)
        self._index = index

    def __contains__(self, name: bytes) -> bool:
        return name in self._kept

    def seen(self, name: bytes) -> tuple[int, int]:
        """Return how often a kept answer was compared of late, and would have done."""
        kept = self._kept.get(name)
        outcomes = () if kept is None else tuple(kept.outcomes)
        return len(outcomes), sum(one.right for one in outcomes)

    async def look(self, prompt: str) -> Verdict:
        """Return whether the answer to another prompt will do, and why."""
        near = self._index.search(self._candidates([prompt])[0], _CANDIDATES, _FLOOR)
        reasons = [(name, kept_apart(self._kept[name].prompt, prompt)) for name, _ in near]
        refused = tuple(reason for _, reason in reasons if reason is not None)
        names = [name for name, reason in reasons if reason is None]
        best = await self._most_alike(prompt, names)
        if best is None:
            return Verdict(None, refused=refused)
        similarity, name = best
        kept = self._kept[name]
        belief = learned(kept.outcomes, self._categories.prior(kept.category))
        doubt = 1 - belief.right(similarity)
        self._categories.share.saw(doubt)
        ask = STILL_ASKED if doubt <= self._categories.share.bound(self.wrong) else 1.0
        return Verdict(
            name,
            kept.prompt,
            similarity,
            ask,
            given=self._chance() > ask,
            comparisons=len(kept.outcomes),
            refused=refused,
        )

    async def _most_alike(self, prompt: str, names: list[bytes]) -> tuple[float, bytes] | None:
        """Return which of some kept prompts asks the same most of all, and how much."""
        if not names:
            return None
        texts = [prompt, *(self._kept[name].prompt for name in names)]
        vectors = await self._confirms([content_of(text) for text in texts])
        alike = [min(float(one), 1.0) for one in vectors[1:] @ vectors[0]]
        # Meanwhile one of them may have been forgotten.
        found = [(one, name) for one, name in zip(alike, names, strict=True) if name in self._kept]
        return max(found, default=None)

    def compared(self, name: bytes, similarity: float, *, right: bool) -> None:
        """Note whether a kept answer would have done, now that another has been asked for.

        Args:
            name: Of the kept answer.
            similarity: As the verdict said.
            right: Whether the two answers say the same.
        """
        kept = self._kept.get(name)
        if kept is None:
            return
        outcome = Outcome(similarity, right)
        kept.outcomes.append(outcome)
        self._categories.saw(kept.category, outcome)
