"""Nearest neighbours in memory: cells, one bit a dimension to sift, eight to measure.

A vector is compared in three steps, each with fewer rows and more bits: the nearest cells of an
inverted file (Jégou et al., 2011), the signs of its coordinates by Hamming distance (Charikar, 2002:
it estimates the angle), and the dot product with what is left, whose coordinates are kept as int8.
A million vectors of 256 dimensions take 290 MB; as float32 they would take a gigabyte, and reading
that once takes ten times as long as a whole search here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_ONE_CELL = 30_000
"""Vectors up to which one cell is searched: the signs of all of them take a third of a millisecond."""
_ROWS_A_CELL = 400
_LOOKED_AT = 16_000
"""Rows whose signs are compared, at least, where there are cells; of many, a fortieth."""
_MEASURED = 256
_SAMPLE = 40_000
_ROUNDS = 6
_BLOCK = 20_000
_GROWTH = 2
_SMALL = 512
"""Vectors below which nothing is won by building anew."""


class Near(NamedTuple):
    """A neighbour.

    Args:
        name: Of the vector.
        similarity: Cosine, -1 to 1.
    """

    name: bytes
    similarity: float


class _Grown:
    """An array that grows at its end.

    Args:
        width: Of a row.
        kind: Of its elements.
        capacity: Rows there is room for at first.
    """

    __slots__ = ("_data", "size")

    def __init__(self, width: int, kind: npt.DTypeLike, capacity: int = 16) -> None:
        self._data = np.empty((max(capacity, 1), width), kind)
        self.size = 0

    @property
    def rows(self) -> npt.NDArray[Any]:
        """What is in it."""
        return self._data[: self.size]

    def extend(self, rows: npt.NDArray[Any]) -> None:
        """Add rows."""
        end = self.size + len(rows)
        if end > len(self._data):
            grown = np.empty((max(end, 2 * len(self._data)), self._data.shape[1]), self._data.dtype)
            grown[: self.size] = self.rows
            self._data = grown
        self._data[self.size : end] = rows
        self.size = end


class _Cell:
    __slots__ = ("numbers", "signs")

    def __init__(self, words: int, capacity: int = 16) -> None:
        self.signs = _Grown(words, np.uint64, capacity)
        self.numbers = _Grown(1, np.int32, capacity)


class VectorIndex:
    """Unit vectors by name.

    Not safe to change from two threads at once; a search beside a change sees it or does not.

    Args:
        dimensions: Of the vectors; a multiple of 64.
        centres: Of the cells; one cell without.
        mean: Subtracted before signs are taken, so that half of them are positive.

    Raises:
        ValueError: If the dimensions do not fill 64-bit words.
    """

    def __init__(
        self, dimensions: int, centres: FloatArray | None = None, mean: FloatArray | None = None
    ) -> None:
        if dimensions % 64:
            raise ValueError("dimensions must be a multiple of 64")
        self._dimensions = dimensions
        self._centres = centres
        self._mean = np.zeros(dimensions, np.float32) if mean is None else mean
        words = dimensions // 64
        self._cells = [_Cell(words) for _ in range(1 if centres is None else len(centres))]
        self._rows = _Grown(dimensions, np.int8)
        self._scales = _Grown(1, np.float32)
        self._there = _Grown(1, np.bool_)
        self._names: list[bytes | None] = []
        self._numbers: dict[bytes, int] = {}
        self._made_for = _SMALL

    @classmethod
    def of(cls, names: Sequence[bytes], vectors: FloatArray, seed: int = 0) -> VectorIndex:
        """Return an index of many vectors at once, with cells fit for their number.

        Args:
            names: Of the vectors, each once.
            vectors: Unit rows.
            seed: Of the choice of a sample.
        """
        rng = np.random.default_rng(seed)
        sample = vectors
        if len(vectors) > _SAMPLE:
            sample = vectors[np.sort(rng.choice(len(vectors), _SAMPLE, replace=False))]
        mean = sample.mean(axis=0) if len(sample) else None
        centres = None
        if len(vectors) > _ONE_CELL:
            centres = _centres(sample, max(2, len(vectors) // _ROWS_A_CELL), rng)
        index = cls(vectors.shape[1], centres, mean)
        index._made_for = max(len(vectors), _SMALL)
        index.extend(names, vectors)
        return index

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, name: bytes) -> bool:
        return name in self._numbers

    @property
    def nbytes(self) -> int:
        """Memory of the vectors, signs and cells, without names."""
        grown = [self._rows, self._scales, self._there]
        grown += [each for cell in self._cells for each in (cell.signs, cell.numbers)]
        centres = 0 if self._centres is None else self._centres.nbytes
        return sum(each.rows.nbytes for each in grown) + centres

    @property
    def outgrown(self) -> bool:
        """Whether it is worth being built anew: it has grown much, or holds much that is removed."""
        return len(self._names) > _GROWTH * self._made_for

    def builder(self) -> Callable[[], VectorIndex]:
        """Return what builds it anew of what is in it now; takes long, and may be called in a thread."""
        names = list(self._numbers)
        numbers = np.fromiter(self._numbers.values(), np.int64, len(self._numbers))
        rows, scales = self._rows.rows, self._scales.rows
        return lambda: VectorIndex.of(names, rows[numbers] * scales[numbers])

    def catch_up(self, other: VectorIndex) -> None:
        """Become what another is: take what only that one has, and remove what only this one has."""
        for name in self._numbers.keys() - other._numbers.keys():
            self.remove(name)
        missing = [name for name in other._numbers if name not in self._numbers]
        if missing:
            numbers = [other._numbers[name] for name in missing]
            self.extend(missing, other._rows.rows[numbers] * other._scales.rows[numbers])

    def extend(self, names: Sequence[bytes], vectors: FloatArray) -> None:
        """Add vectors; one of a name that is there takes its place.

        Args:
            names: Of the vectors.
            vectors: Unit rows.
        """
        for start in range(0, len(names), _BLOCK):
            self._add(names[start : start + _BLOCK], vectors[start : start + _BLOCK])

    def remove(self, name: bytes) -> bool:
        """Forget a vector; returns whether there was one. Its room is freed by building anew."""
        number = self._numbers.pop(name, None)
        if number is not None:
            self._names[number] = None
            self._there.rows[number] = False
        return number is not None

    def search(self, vector: FloatArray, most: int = 8, floor: float = -1.0) -> list[Near]:
        """Return the nearest neighbours, the nearest first.

        Args:
            vector: A unit vector.
            most: How many at most.
            floor: The least similarity that counts.
        """
        if not self._numbers:
            return []
        signs = self._signs(vector[None, :])[0]
        found = [self._sifted(cell, signs) for cell in self._nearest_cells(vector)]
        numbers = np.concatenate([one for one, _ in found])
        distances = np.concatenate([one for _, one in found])
        if len(self._names) > len(self._numbers):
            # What is removed must not take the places of what is there.
            there = self._there.rows[numbers, 0]
            numbers, distances = numbers[there], distances[there]
        wanted = max(_MEASURED, 4 * most)
        if len(numbers) > wanted:
            numbers = numbers[np.argpartition(distances, wanted - 1)[:wanted]]
        rows = self._rows.rows[numbers].astype(np.float32)
        similarities = (rows @ vector) * self._scales.rows[numbers, 0]
        near = list[Near]()
        for place in np.argsort(-similarities):
            name = self._names[numbers[place]]
            if similarities[place] < floor or len(near) == most:
                break
            if name is not None:
                near.append(Near(name, float(similarities[place])))
        return near

    def _add(self, names: Sequence[bytes], vectors: FloatArray) -> None:
        for name in names:
            self.remove(name)
        first = len(self._names)
        numbers = np.arange(first, first + len(names), dtype=np.int32)
        largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-9)
        self._rows.extend(np.rint(vectors * (127 / largest)).astype(np.int8))
        self._scales.extend((largest / 127).astype(np.float32))
        self._there.extend(np.ones((len(names), 1), np.bool_))
        signs = self._signs(vectors)
        homes = (
            np.zeros(len(names), np.int64)
            if self._centres is None
            else np.argmax(vectors @ self._centres.T, axis=1)
        )
        order = np.argsort(homes, kind="stable")
        edges = np.flatnonzero(np.diff(homes[order])) + 1
        for part in np.split(order, edges):
            if len(part):
                cell = self._cells[homes[part[0]]]
                cell.signs.extend(signs[part])
                cell.numbers.extend(numbers[part][:, None])
        self._names.extend(names)
        self._numbers.update(zip(names, numbers.tolist(), strict=True))

    def _signs(self, vectors: FloatArray) -> npt.NDArray[np.uint64]:
        return np.packbits(vectors > self._mean, axis=1).view(np.uint64)

    def _nearest_cells(self, vector: FloatArray) -> list[_Cell]:
        """Return the nearest cells, as many as hold enough rows."""
        if self._centres is None:
            return self._cells
        chosen, rows = [], 0
        wanted = max(_LOOKED_AT, len(self._names) // 40)
        for place in np.argsort(-(self._centres @ vector)):
            cell = self._cells[place]
            chosen.append(cell)
            rows += cell.numbers.size
            if rows >= wanted:
                break
        return chosen

    def _sifted(
        self, cell: _Cell, signs: npt.NDArray[np.uint64]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint16]]:
        """Return the numbers of a cell's rows, and how many signs differ."""
        size = cell.numbers.size
        differing = np.bitwise_count(cell.signs.rows[:size] ^ signs)
        distances = differing[:, 0].astype(np.uint16)
        for word in range(1, differing.shape[1]):
            distances += differing[:, word]
        return cell.numbers.rows[:size, 0], distances


def _centres(sample: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Return the centres of cells by spherical k-means (Dhillon and Modha, 2001)."""
    count = min(count, max(2, len(sample) // 8))
    centres = sample[rng.choice(len(sample), count, replace=False)].copy()
    for _ in range(_ROUNDS):
        homes = np.concatenate(
            [
                np.argmax(sample[start : start + _BLOCK] @ centres.T, axis=1)
                for start in range(0, len(sample), _BLOCK)
            ]
        )
        order = np.argsort(homes, kind="stable")
        filled, starts = np.unique(homes[order], return_index=True)
        sums = np.add.reduceat(sample[order], starts, axis=0)
        centres[filled] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return np.ascontiguousarray(centres, np.float32)
