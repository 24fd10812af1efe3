"""The recorded answers that panels are measured on, as arrays."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench_router_quality import BILLIONS, folds

from orchestrator.conductor.panel.options import traces

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

FOLDS = 5
MOST = 10


@dataclass(frozen=True)
class Questions:
    """The data set as arrays."""

    rows: list[dict[str, Any]]
    experts: tuple[str, ...]
    answers: Rows
    truths: Rows
    told: list[Floats]
    part: Rows

    @property
    def costs(self) -> Floats:
        """Return the billions of active parameters of each expert."""
        return np.array([BILLIONS[expert] for expert in self.experts])

    def open_priors(self) -> Floats:
        """Return the log-prior under which all options are alike."""
        found = np.full((len(self.rows), MOST), -np.inf)
        for row, told in enumerate(self.told):
            found[row, : len(told)] = -np.log(len(told))
        return found


def read(path: Path) -> Questions:
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    experts = tuple(rows[0]["answers"])
    answers = np.array([[_place(row["answers"][e], row) for e in experts] for row in rows])
    truths = np.array([_place(row["answer"], row) for row in rows])
    told = [traces(row["prompt"], row["options"]) for row in rows]
    part = folds([row["category"] for row in rows], FOLDS, 0)
    return Questions(rows, experts, answers, truths, told, part)


def _place(letter: str | None, row: dict[str, Any]) -> int:
    place = ord(letter) - ord("A") if letter else -1
    return place if place < len(row["options"]) else -1
