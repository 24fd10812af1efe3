"""A file of prompts made small: those that tell experts apart, and are unlike each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.conductor.evaluation.tasks import GradedTask
from orchestrator.evaluations.prompts import row_of
from router.data import Dataset, DatasetInvalid
from router.embedding import Embedder
from router.evidence.means import Floats
from router.evidence.selection import Chosen, Told, by_category, told

_LEFT_OUT = frozenset({"answers", "comparisons", "scores"})


@dataclass(frozen=True, slots=True)
class Selection:
    """Which prompts were chosen.

    Args:
        tasks: In the order of the file.
        told: Which prompts tell experts apart; ``None`` without scores.
        by_category: What was chosen of each category, by rows of the file.
    """

    tasks: list[GradedTask]
    told: Told | None
    by_category: dict[str, Chosen]

    def report(self, of: int) -> dict[str, Any]:
        """Return it as plain data.

        Args:
            of: How many prompts there were.
        """
        dropped = self.told
        return {
            "prompts": of,
            "chosen": len(self.tasks),
            "all_pass": dropped.passed if dropped else None,
            "all_fail": dropped.failed if dropped else None,
            "guessed": dropped.guessed if dropped else None,
            "unscored": dropped.unscored if dropped else None,
            "categories": {
                name: {"chosen": len(part.rows), "coverage": part.coverage}
                for name, part in self.by_category.items()
            },
        }


def selected(
    tasks: Sequence[GradedTask],
    data: Dataset | None,
    embedder: Embedder,
    count: int,
    *,
    blind: str | None = None,
) -> Selection:
    """Choose prompts.

    Args:
        tasks: All of them.
        data: Scores of experts on them; prompts are found by id, else by what they say. ``None``: only
            that they are unlike each other counts.
        embedder: Says how alike they are.
        count: Of each category, at most.
        blind: The expert in the data that guessed without having seen the prompts.

    Raises:
        DatasetInvalid: If no prompt has a score, or the data does not know the expert that guesses.
    """
    found = None if data is None else told(*_scores(tasks, data, blind))
    known = np.ones(len(tasks)) if found is None else found.tells.astype(np.float64)
    vectors = embedder.embed([_text(task) for task in tasks])
    chosen = by_category(vectors, known, [task.category for task in tasks], count)
    rows = sorted(int(row) for part in chosen.values() for row in part.rows)
    return Selection([tasks[row] for row in rows], found, chosen)


def as_lines(tasks: Sequence[GradedTask]) -> str:
    """Return prompts as JSON lines, as they were but for scores and answers."""
    return "".join(json.dumps(_row(task), ensure_ascii=False) + "\n" for task in tasks)


def _row(task: GradedTask) -> dict[str, Any]:
    stated = {"category": task.category, "target": task.target, "grader": task.grader}
    fields = {name: value for name, value in task.fields.items() if name not in _LEFT_OUT}
    return {
        "id": task.id,
        "prompt": task.prompt,
        **{name: value for name, value in stated.items() if value},
        **fields,
    }


def _scores(
    tasks: Sequence[GradedTask], data: Dataset, blind: str | None
) -> tuple[Floats, Floats | None]:
    """Return scores in the order of the prompts, and those of the blind guesser apart."""
    if blind is not None and blind not in data.experts:
        raise DatasetInvalid(
            f"--blind: there is no expert {blind!r}; there are {', '.join(data.experts)}"
        )
    places = {identifier: place for place, identifier in enumerate(data.ids)}
    by_prompt = {prompt: place for place, prompt in enumerate(data.prompts)}
    rows = [places.get(task.id, by_prompt.get(_text(task), -1)) for task in tasks]
    if max(rows) < 0 or not len(data.experts):
        raise DatasetInvalid(
            "no prompt has a score: neither ids nor prompts are those of the scores"
        )
    found = np.array(rows)
    aligned = np.where(found[:, None] >= 0, data.scores[found], np.nan)
    if blind is None:
        return aligned, None
    column = data.experts.index(blind)
    return np.delete(aligned, column, axis=1), aligned[:, column]


def _text(task: GradedTask) -> str:
    row = row_of(task)
    return "\n".join((task.prompt, *row.get("options", ())))
