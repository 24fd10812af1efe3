"""Who is told of what a manager does, for metrics."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Is told; must be quick and may not fail. Experts are named by their ids."""

    def waited(self, expert: str, seconds: float) -> None:
        """Tell how long a request waited until its model was there and had a place for it."""
        ...

    def loaded(self, expert: str, seconds: float) -> None:
        """Tell how long a load took."""
        ...

    def not_loaded(self, expert: str) -> None:
        """Tell that a load failed."""
        ...

    def evicted(self, expert: str) -> None:
        """Tell that a model was taken out."""
        ...


class Unwatched:
    """Nobody."""

    def waited(self, expert: str, seconds: float) -> None:
        """Do nothing."""

    def loaded(self, expert: str, seconds: float) -> None:
        """Do nothing."""

    def not_loaded(self, expert: str) -> None:
        """Do nothing."""

    def evicted(self, expert: str) -> None:
        """Do nothing."""
