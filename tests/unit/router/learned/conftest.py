"""A small world of requests: four kinds that can be learned, and strangers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from router import HashingEmbedder
from router.learned import Fitted, fit_classifier

CATEGORIES = ("bank", "travel", "kitchen", "music")
FRAMES = {
    "bank": ("please {} my {}", ("freeze", "check", "close", "open"), ("account", "card", "loan")),
    "travel": ("can you {} a {}", ("book", "find", "cancel", "move"), ("flight", "hotel", "train")),
    "kitchen": ("how do i {} the {}", ("boil", "fry", "bake", "roast"), ("eggs", "bread", "soup")),
    "music": (
        "i want to {} that {}",
        ("hear", "skip", "repeat", "stop"),
        ("song", "album", "tune"),
    ),
}
STRANGERS = (
    "why is the sky blue in summer",
    "who won the election in ninety two",
    "prove that seven is prime",
    "what does entropy mean for gases",
    "name three rivers of asia",
    "explain photosynthesis to children",
)


@dataclass(frozen=True)
class World:
    texts: tuple[str, ...]
    labels: tuple[str, ...]
    vectors: npt.NDArray[np.float32]
    embedder: HashingEmbedder

    @property
    def numbers(self) -> npt.NDArray[np.intp]:
        return np.array([CATEGORIES.index(label) for label in self.labels], dtype=np.intp)

    def vectors_of(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self.embedder.embed(texts)


def make_world() -> World:
    rows = [
        (frame.format(verb, noun), label)
        for label, (frame, verbs, nouns) in FRAMES.items()
        for verb, noun in product(verbs, nouns)
    ]
    embedder = HashingEmbedder(64)
    texts, labels = zip(*rows, strict=True)
    return World(texts, labels, embedder.embed(texts), embedder)


@pytest.fixture(scope="session")
def world() -> World:
    return make_world()


@pytest.fixture(scope="session")
def fitted(world: World) -> Fitted:
    return fit_classifier(world.texts, world.vectors, world.labels, CATEGORIES, seed=1)
