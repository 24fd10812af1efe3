"""A tuple and a dict that are built when first looked at.

A decision over a thousand experts ranks and describes them all, and most are never read. Whatever
they are built from is immutable, so it does not matter when it happens, or if two threads do it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

T = TypeVar("T")


class LazyTuple(Sequence[T]):
    """Behaves like the tuple it builds, and equals it.

    Args:
        build: Called at most once per thread that looks.
    """

    __slots__ = ("_build", "_items")

    def __init__(self, build: Callable[[], tuple[T, ...]]) -> None:
        self._build: Callable[[], tuple[T, ...]] | None = build
        self._items: tuple[T, ...] = ()

    def _all(self) -> tuple[T, ...]:
        build = self._build
        if build is not None:
            self._items = build()
            self._build = None  # last, as another thread may be reading
        return self._items

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[T]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LazyTuple):
            return bool(self._all() == other._all())
        return self._all() == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._all(),)


class LazyDict(Mapping[str, T]):
    """Behaves like the dict it builds, read only, and equals it.

    Args:
        build: Called at most once per thread that looks.
    """

    __slots__ = ("_build", "_items")

    def __init__(self, build: Callable[[], dict[str, T]]) -> None:
        self._build: Callable[[], dict[str, T]] | None = build
        self._items: dict[str, T] = {}

    def _all(self) -> dict[str, T]:
        build = self._build
        if build is not None:
            self._items = build()
            self._build = None
        return self._items

    def __getitem__(self, key: str) -> T:
        return self._all()[key]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self._all(),)
