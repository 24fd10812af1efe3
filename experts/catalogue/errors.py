"""What can go wrong with the catalogue itself.

::

    CatalogueError
    ├── CatalogueInvalid      entries that cannot be accepted, with every problem found
    ├── ExpertUnknown         no such expert, or it is retired
    ├── ExpertExists          an expert with this id is there already
    ├── VersionUnknown        the expert has no such version
    ├── VersionConflict       the expert changed since the caller looked
    └── StoredExpertInvalid   a stored version that this release cannot read
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with one entry.

    Args:
        index: Position of the entry in the list, from 0; ``None``: the list as a whole.
        id: The id that the entry gives itself, where it is readable.
        field: Path in the entry, such as ``endpoints[0].url``; empty: the entry as a whole.
        reason: What is wrong and, where it helps, what to write instead. Never quotes a value that
            could be a secret.
    """

    index: int | None
    id: str | None
    field: str
    reason: str

    @property
    def entry(self) -> str:
        """The entry by position and id, such as ``experts[3] (llama-70b)``."""
        if self.index is None:
            return "experts"
        return f"experts[{self.index}]" + (f" ({self.id})" if self.id else "")

    @property
    def path(self) -> str:
        """The place in the whole document, such as ``experts[3].context_window``."""
        if self.index is None:
            return "experts"
        return f"experts[{self.index}]" + (f".{self.field}" if self.field else "")

    def __str__(self) -> str:
        """The problem in one line."""
        return f"{self.entry}{f' {self.field}' if self.field else ''}: {self.reason}"


class CatalogueError(Exception):
    """The catalogue could not do what was asked."""


class CatalogueInvalid(CatalogueError):
    """Entries cannot be accepted; nothing was changed.

    Args:
        problems: Everything that was found, in the order of the entries.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"and {len(self.problems) - _SHOWN} more")
        super().__init__("; ".join(lines))


class ExpertUnknown(CatalogueError):
    """No such expert, or it is retired."""

    def __init__(self, expert: str) -> None:
        super().__init__(f"There is no expert {expert!r} in the catalogue.")


class ExpertExists(CatalogueError):
    """An expert with this id is there already."""

    def __init__(self, expert: str) -> None:
        super().__init__(f"The expert {expert!r} exists already. Update it instead.")


class VersionUnknown(CatalogueError):
    """The expert has no such version."""

    def __init__(self, expert: str, version: int) -> None:
        super().__init__(f"The expert {expert!r} has no version {version}.")


class VersionConflict(CatalogueError):
    """The expert changed since the caller looked."""

    def __init__(self, expert: str, expected: int, head: int) -> None:
        super().__init__(
            f"The expert {expert!r} is at version {head}, not {expected}: "
            "someone changed it in between. Look at it again and repeat the change."
        )


class StoredExpertInvalid(CatalogueError):
    """A stored version that this release cannot read."""

    def __init__(self, expert: str, version: int) -> None:
        super().__init__(
            f"Version {version} of the expert {expert!r} was stored by another release and cannot "
            "be read by this one. Store it anew (PUT) or roll it back to another version."
        )
