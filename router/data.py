"""Prompts with categories and scores: what a router is learned from and measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp] | npt.NDArray[np.bool_] | Sequence[int]


class DatasetInvalid(ValueError):
    """A data set that cannot be used; names the row or the field and says why."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Prompts, their labels, and how well each expert did on them.

    Args:
        ids: One for each prompt, distinct.
        prompts: As a user would put them, answer options included.
        categories: The label of each prompt, ``None`` where it has none.
        experts: Ids, in the order of the columns of ``scores``.
        scores: Shape (prompts, experts), 0 to 1, higher is better, NaN where not measured.
        judged: Where scores come from a judge's verdicts: how many, and whether it prefers the
            answer shown first, as plain data.

    Raises:
        DatasetInvalid: If the parts do not fit together.
    """

    ids: tuple[str, ...]
    prompts: tuple[str, ...]
    categories: tuple[str | None, ...]
    experts: tuple[str, ...]
    scores: Scores
    judged: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        n = len(self.prompts)
        if len(self.ids) != n or len(self.categories) != n:
            raise DatasetInvalid("ids, prompts and categories are not equally many")
        if self.scores.shape != (n, len(self.experts)):
            raise DatasetInvalid(
                f"scores are {self.scores.shape}, not ({n}, {len(self.experts)}): one row for each "
                "prompt and one column for each expert"
            )

    def __len__(self) -> int:
        return len(self.prompts)

    def rows(self, index: Index) -> Dataset:
        """Return the data set of some rows, in the order of ``index`` (numbers or a mask)."""
        chosen = np.arange(len(self))[np.asarray(index)].tolist()
        return Dataset(
            ids=tuple(self.ids[i] for i in chosen),
            prompts=tuple(self.prompts[i] for i in chosen),
            categories=tuple(self.categories[i] for i in chosen),
            experts=self.experts,
            scores=self.scores[chosen],
            judged=self.judged,
        )
