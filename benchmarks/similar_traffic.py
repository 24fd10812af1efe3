"""Questions for the cache of alike requests, with what is known of which answer is right for which."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from experts.cache.similar.answers import Categories, SimilarAnswers
from experts.cache.similar.index import FloatArray
from router.embedding import Embedder

PAIRS = Path(__file__).with_name("question_pairs.txt")
FRAMES = ("How do I {}?", "What is the best way to {}?", "Please explain how to {}.")
PARTS = 5
"""Of a stream, in which shares are told over time."""


class Embeds:
    """Embeds each text once, and confirms by these vectors."""

    scale = ""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, FloatArray] = {}

    def at_once(self, texts: Sequence[str], /) -> FloatArray:
        """Return the vectors."""
        for text in texts:
            if text not in self._known:
                self._known[text] = self._embedder.embed([text])[0]
        return np.stack([self._known[text] for text in texts])

    async def __call__(self, texts: Sequence[str], /) -> FloatArray:
        """Return the vectors."""
        return self.at_once(texts)


@dataclass
class Counts:
    """What came of a stream.

    Args:
        looked: Requests that were looked for, by part of the stream.
        given: Kept answers that were given, by part.
        wrong: Of these, those of another question, by part.
        seen: Similarity of each nearest kept question, and whether its answer is right.
    """

    looked: list[int] = field(default_factory=lambda: [0] * PARTS)
    given: list[int] = field(default_factory=lambda: [0] * PARTS)
    wrong: list[int] = field(default_factory=lambda: [0] * PARTS)
    seen: list[tuple[float, bool]] = field(default_factory=list)

    def oracle(self, chosen: float) -> int:
        """Return how many kept answers the best single threshold gives, known afterwards."""
        best = bad = 0
        for count, (_, right) in enumerate(sorted(self.seen, reverse=True), start=1):
            bad += not right
            if bad <= chosen * count:
                best = count
        return best


async def looked(
    answers: SimilarAnswers, counts: Counts, part: int, text: str, right: Callable[[bytes], bool]
) -> bool:
    """Ask as the cache does, and count; tells whether a kept answer was given."""
    verdict = await answers.look(text)
    counts.looked[part] += 1
    if verdict.name is None:
        return False
    fits = right(verdict.name)
    counts.seen.append((verdict.similarity, fits))
    if verdict.given:
        counts.given[part] += 1
        counts.wrong[part] += not fits
    else:
        answers.compared(verdict.name, verdict.similarity, right=fits)
    return verdict.given


def pairs() -> list[list[str]]:
    """Return the tasks: each, the same in other words, and three that differ in one fact."""
    lines = PAIRS.read_text("utf-8").splitlines()[1:]
    return [[part.strip() for part in line.split("|")] for line in lines]


def ask_pairs(find: Embeds, confirm: Embeds, chosen: float, seed: int, asked: int) -> Counts:
    """Ask at random about tasks of which one wording is kept each."""
    tasks = pairs()
    rng, counts = random.Random(seed), Counts()  # noqa: S311 (a simulation)
    answers = SimilarAnswers(find.at_once, confirm, Categories(), wrong=chosen, chance=rng.random)
    for number, task in enumerate(tasks):
        answers.add(number.to_bytes(4), FRAMES[0].format(task[0]), "general")

    async def run() -> None:
        for turn in range(asked):
            number, part = rng.randrange(len(tasks)), rng.randrange(5)
            text = rng.choice(FRAMES).format(tasks[number][part])
            own, same = number.to_bytes(4), part < 2
            await looked(
                answers,
                counts,
                turn * PARTS // asked,
                text,
                lambda name, own=own, same=same: name == own and same,  # type: ignore[misc]
            )

    asyncio.run(run())
    return counts


def clinc(folder: Path) -> list[tuple[str, str]]:
    """Return the utterances of CLINC150 with their intents; none where the file is not there."""
    path = folder / "clinc150.jsonl.gz"
    if not path.is_file():
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["text"], row["intent"]) for row in rows]


def ask_clinc(
    rows: Sequence[tuple[str, str]],
    find: Embeds,
    confirm: Embeds,
    chosen: float,
    seed: int,
    asked: int | None,
) -> Counts:
    """Ask utterances in a random order, each kept once it has been answered by an expert.

    Args:
        rows: The utterances with their intents; two of ``oos`` are never the same.
        find: Finds candidates.
        confirm: Confirms them.
        chosen: The share of wrong answers that is chosen, 0 to 1.
        seed: Of the order.
        asked: Requests, the more frequent the earlier in the order, as 1 / rank (Zipf); those for which there is
            the very same in the cache are left out. ``None``: each utterance once.
    """
    rng, counts = random.Random(seed), Counts()  # noqa: S311 (a simulation)
    order = list(range(len(rows)))
    rng.shuffle(order)
    stream = order
    if asked is not None:
        stream = rng.choices(order, [1 / rank for rank in range(1, len(order) + 1)], k=asked)
    answers = SimilarAnswers(find.at_once, confirm, Categories(), wrong=chosen, chance=rng.random)

    async def run() -> None:
        for turn, number in enumerate(stream):
            text, intent = rows[number]
            name = number.to_bytes(4)
            if name in answers:
                continue

            def right(other: bytes, intent: str = intent) -> bool:
                return intent == rows[int.from_bytes(other)][1] != "oos"

            if not await looked(answers, counts, turn * PARTS // len(stream), text, right):
                answers.add(name, text, "general")
                if answers.outgrown:
                    await answers.regrow()

    asyncio.run(run())
    return counts
