"""Reads questions of choice with what experts answered to them.

A row is an object of ``prompt``, ``options`` (texts), ``answer`` (letter or words of the right one)
and ``answers``: by expert what it answered, a letter or any text, ``null`` where nothing could be
read off it. The provider ``replay`` reads the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experts.providers.replay import question
from orchestrator.conductor.answers import read_answer
from orchestrator.conductor.panel.belief import Integers
from orchestrator.conductor.panel.options import MOST_OPTIONS
from router.data import DatasetInvalid
from router.files import rows_of

LEAST_ROWS = 40
"""Fewer teach nothing, and measure nothing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """n questions, and the answers of E experts.

    Args:
        prompts: The questions, without their options.
        options: The words of each one's options.
        experts: Their names.
        answers: Places of the options that were answered, -1 for none, (n, E).
        truths: Places of the right ones, (n,).
    """

    prompts: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    experts: tuple[str, ...]
    answers: Integers
    truths: Integers

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def texts(self) -> list[str]:
        """What a user would ask, options included."""
        return [question(*each) for each in zip(self.prompts, self.options, strict=True)]

    def rows(self, index: Integers) -> Answered:
        """Return some of the questions."""
        places = index.tolist()
        return Answered(
            tuple(self.prompts[place] for place in places),
            tuple(self.options[place] for place in places),
            self.experts,
            self.answers[index],
            self.truths[index],
        )

    def named(self, names: Mapping[str, str]) -> Answered:
        """Return the answers of those experts alone that have a new name, under it."""
        kept = [place for place, expert in enumerate(self.experts) if expert in names]
        experts = tuple(names[self.experts[place]] for place in kept)
        return Answered(self.prompts, self.options, experts, self.answers[:, kept], self.truths)


def read_answered(paths: Sequence[Path]) -> Answered:
    """Read one data set from one or several files.

    Raises:
        DatasetInvalid: Naming file, row and field, for anything that cannot be used.
    """
    rows: list[tuple[str, tuple[str, ...], int, list[int]]] = []
    experts: tuple[str, ...] | None = None
    for path in paths:
        for number, row in enumerate(rows_of(path), start=1):
            try:
                experts = _experts(row, experts)
                rows.append(_row(row, experts))
            except DatasetInvalid as error:
                raise DatasetInvalid(f"{path.name}, row {number}: {error}") from None
    if experts is None or len(rows) < LEAST_ROWS:
        names = ", ".join(path.name for path in paths)
        raise DatasetInvalid(f"{names}: {len(rows)} questions; at least {LEAST_ROWS} are needed")
    prompts, options, truths, answers = zip(*rows, strict=True)
    return Answered(
        prompts,
        options,
        experts,
        np.array(answers, dtype=np.intp),
        np.array(truths, dtype=np.intp),
    )


def _experts(row: Mapping[str, Any], known: tuple[str, ...] | None) -> tuple[str, ...]:
    answers = row.get("answers")
    if not isinstance(answers, Mapping) or not answers:
        raise DatasetInvalid("answers: is not an object of answers by expert")
    if known is None:
        return tuple(map(str, answers))
    missing = next((expert for expert in known if expert not in answers), None)
    if missing is not None:
        raise DatasetInvalid(
            f"answers: there is none of {missing!r}, as above; null where nothing could be read"
        )
    new = next((expert for expert in answers if expert not in known), None)
    if new is not None:
        raise DatasetInvalid(f"answers: {new!r} has answered here, but not above")
    return known


def _row(
    row: Mapping[str, Any], experts: Sequence[str]
) -> tuple[str, tuple[str, ...], int, list[int]]:
    prompt, options = row.get("prompt"), row.get("options")
    if not isinstance(prompt, str) or not prompt.strip():
        raise DatasetInvalid("prompt: is not a text")
    if not isinstance(options, list) or not all(isinstance(each, str) for each in options):
        raise DatasetInvalid("options: is not a list of texts")
    if not 2 <= len(options) <= MOST_OPTIONS:
        raise DatasetInvalid(f"options: there are {len(options)}, not 2 to {MOST_OPTIONS}")
    right = _place(row.get("answer"), options, "answer")
    if right < 0:
        raise DatasetInvalid(f"answer: {row.get('answer')!r} is none of the options")
    given = row["answers"]
    answers = [_place(given[expert], options, f"answers.{expert}") for expert in experts]
    return prompt, tuple(options), right, answers


def _place(given: Any, options: Sequence[str], field: str) -> int:
    if given is None:
        return -1
    if not isinstance(given, str):
        raise DatasetInvalid(f"{field}: is not a text")
    read = read_answer(given, options)
    return -1 if read is None else ord(read.value) - ord("A")
