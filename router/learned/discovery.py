"""Categories found in unlabelled prompts, named by what is typical of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from router.classifier import fit_space
from router.data import DatasetInvalid
from router.embedding import FloatArray
from router.learned.clusters import assign, spherical_kmeans

Ints = npt.NDArray[np.intp]

_WORD = re.compile(r"[^\W\d_]{3,}")
_MAX_CHARACTERS = 2000
_OF_ALL_TEXTS = """about after all also and any are because been before being but can could did does doing each
    few for from had has have having here how into its itself just let like may might more most much
    must not now off once one only other our out over own please same she should some such than that
    the their them then there these they this those through too under until upon very was were what
    when where whether which while who whom whose why will with would you your"""
_FUNCTION_WORDS = frozenset(_OF_ALL_TEXTS.split())
_LIFT = 1.2
"""A keyword is so many times as frequent in its group as everywhere."""
_SAMPLE = 4000
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Discovered:
    """A kind of prompt that was found.

    Args:
        id: Made of its most typical words, fit for a taxonomy.
        keywords: The most typical words first.
        examples: The most typical prompts first, as row numbers.
        rows: All its prompts, as row numbers.
    """

    id: str
    keywords: tuple[str, ...]
    examples: tuple[int, ...]
    rows: tuple[int, ...]


def discover(
    texts: Sequence[str],
    vectors: FloatArray,
    *,
    count: int | None = None,
    smallest: int = 5,
    seed: int = 0,
    shown: int = 5,
) -> tuple[Discovered, ...]:
    """Group prompts by meaning (spherical k-means) and name the groups.

    Keywords are the words that most set the texts of a group apart from all texts: those that add
    most to the divergence of Kullback and Leibler between the two.

    Args:
        texts: n prompts.
        vectors: The embedder's vectors of them, shape (n, d).
        count: Groups wanted; by default as many, from 2 to 32, as have the best silhouette.
        smallest: Groups with fewer prompts are dissolved into their neighbours.
        seed: Of the first centres.
        shown: Keywords and examples of each.

    Returns:
        The largest group first.

    Raises:
        DatasetInvalid: With fewer than ``smallest`` prompts, or not as many vectors as texts.
    """
    if len(texts) != len(vectors):
        raise DatasetInvalid(f"{len(texts)} texts and {len(vectors)} vectors: not equally many")
    if len(texts) < max(smallest, 2):
        raise DatasetInvalid(f"{len(texts)} prompts are too few to find categories in")
    units = fit_space(vectors, vectors.shape[1])(vectors)
    if count is None:
        count = _best_count(units, seed)
    centres = _large_enough(units, spherical_kmeans(units, count, seed, tries=_TRIES), smallest)
    nearest = assign(units, centres)
    keywords = _keywords(texts, nearest, len(centres), shown)
    cosines = (units * centres[nearest]).sum(axis=1)
    found, taken = [], set[str]()
    for group in np.argsort(-np.bincount(nearest, minlength=len(centres)), kind="stable").tolist():
        rows = np.flatnonzero(nearest == group)
        typical = rows[np.argsort(-cosines[rows], kind="stable")][:shown]
        name = _id(keywords[group], taken)
        taken.add(name)
        found.append(
            Discovered(name, keywords[group], tuple(typical.tolist()), tuple(rows.tolist()))
        )
    return tuple(found)


def _best_count(units: FloatArray, seed: int) -> int:
    """Choose the number of groups by the mean simplified silhouette of a sample.

    Between the distance to the own centre and that to the next (Hruschka et al., 2006).
    """
    generator = np.random.default_rng(seed)
    sample = units[np.sort(generator.permutation(len(units))[:_SAMPLE])]
    best, most = 1, -1.0
    for count in (2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32):
        if count * 3 > len(sample):
            break
        distance = 1.0 - np.sort(sample @ spherical_kmeans(sample, count, seed, tries=2).T, axis=1)
        own, other = distance[:, -1], distance[:, -2]
        value = float(((other - own) / np.maximum(other, 1e-9)).mean())
        if value > most:
            best, most = count, value
    return best


def _large_enough(units: FloatArray, centres: FloatArray, smallest: int) -> FloatArray:
    """Take away the smallest group's centre until all groups are large enough."""
    while len(centres) > 1:
        sizes = np.bincount(assign(units, centres), minlength=len(centres))
        if sizes.min() >= smallest:
            break
        centres = np.delete(centres, sizes.argmin(), axis=0)
    return centres


def _keywords(texts: Sequence[str], groups: Ints, count: int, shown: int) -> list[tuple[str, ...]]:
    inside = [Counter[str]() for _ in range(count)]
    for text, group in zip(texts, groups.tolist(), strict=True):
        inside[group].update(set(_WORD.findall(text[:_MAX_CHARACTERS].lower())))
    overall = Counter[str]()
    for words in inside:
        overall.update(words)
    everything = max(sum(overall.values()), 1)
    result = []
    for words in inside:
        total = max(sum(words.values()), 1)
        value = {
            word: n / total * math.log(n / total * everything / overall[word])
            for word, n in words.items()
            if word not in _FUNCTION_WORDS and n * everything >= _LIFT * total * overall[word]
        }
        result.append(tuple(sorted(value, key=lambda w: (-value[w], w))[:shown]))
    return result


def _id(keywords: Sequence[str], taken: set[str]) -> str:
    ascii_words = [word for word in keywords if word.isascii()][:3]
    stem = "-".join(ascii_words)[:50].strip("-") or "group"
    number, name = 1, stem
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name
