"""Reads prompts with labels and scores from files people have: JSON lines, CSV, Parquet.

Two shapes are understood. *Wide*: one row a prompt, its scores an object (``scores``) or columns
``scores.<expert>``, a judge's verdicts a list (``comparisons``). *Long*: one row a prompt and expert,
with the columns ``expert`` and ``score``, or a prompt and verdict, with ``a``, ``b`` and ``winner``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from router.data import Dataset, DatasetInvalid
from router.files import rows_of
from router.quality.bias import position_bias
from router.quality.judgements import Judgement
from router.verdicts import Verdict, merged, verdict_of, verdicts_of

MAX_PROMPT_CHARACTERS = 2_000_000
_SCORE_COLUMN = "scores."
_HALF = re.compile("[\ud800-\udfff]")
_NOT_IN_IDS = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the columns.

    Args:
        prompt: The prompt.
        category: Its label, which becomes a category's id (:func:`category_id`); may be missing.
        options: Answer options, a list of texts that is put below the prompt; may be missing.
        id: Distinct names of the prompts; rows are numbered where it is missing.
        scores: An object of scores by expert.
        expert: In the long shape, whose score it is.
        score: In the long shape, the score.
        comparisons: Verdicts of a judge on two answers (:mod:`router.verdicts`).
    """

    prompt: str = "prompt"
    category: str = "category"
    options: str = "options"
    id: str = "id"
    scores: str = "scores"
    expert: str = "expert"
    score: str = "score"
    comparisons: str = "comparisons"


def read_dataset(paths: Sequence[Path], fields: Fields | None = None) -> Dataset:
    """Read one data set from one or several files.

    Args:
        paths: ``.jsonl``, ``.csv`` or ``.parquet``, the first two perhaps gzipped (``.gz``).
        fields: Names of the columns.

    Raises:
        DatasetInvalid: Naming file, row and field, for anything that cannot be used.
    """
    collected = _Collected(fields or Fields())
    for path in paths:
        for number, row in enumerate(rows_of(path), start=1):
            try:
                collected.add(row)
            except DatasetInvalid as error:
                raise DatasetInvalid(f"{path.name}, row {number}: {error}") from None
    if not collected.prompts:
        raise DatasetInvalid(f"{', '.join(p.name for p in paths)}: no rows")
    return collected.dataset()


@dataclass(slots=True)
class _Collected:
    """Rows as they are read; a prompt of the long shape gathers its scores from several."""

    fields: Fields
    places: dict[str, int] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)
    categories: list[str | None] = field(default_factory=list)
    experts: dict[str, int] = field(default_factory=dict)
    scores: list[dict[str, float]] = field(default_factory=list)
    verdicts: list[Judgement] = field(default_factory=list)

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row."""
        names = self.fields
        scored = row.get(names.expert) is not None and names.score in row
        compared = bool(row.get("winner")) and bool({"a", "b"} & row.keys())
        long = scored or compared
        prompt = _prompt(row, names)
        label = _text(row, names.category)
        category = None if label is None else category_id(label)
        identifier = _text(row, names.id) or (prompt if long else str(len(self.prompts) + 1))
        place = self._place(identifier, prompt, category, long=long)
        for expert, score in _scores(row, names, long=scored):
            if expert in self.scores[place]:
                raise DatasetInvalid(f"{names.score}: {expert!r} is scored twice on {identifier!r}")
            self.experts.setdefault(expert, len(self.experts))
            self.scores[place][expert] = score
        given = [verdict_of(row)] if compared else []
        for verdict in (*given, *verdicts_of(row.get(names.comparisons) or (), names.comparisons)):
            self._judge(place, verdict)

    def _place(self, identifier: str, prompt: str, category: str | None, *, long: bool) -> int:
        """Return the number of the prompt, which is made where it is new."""
        names = self.fields
        place = self.places.get(identifier)
        if place is None:
            place = self.places[identifier] = len(self.prompts)
            self.prompts.append(prompt)
            self.categories.append(category)
            self.scores.append({})
            return place
        if not long:
            raise DatasetInvalid(f"{names.id}: {identifier!r} is there already")
        if self.prompts[place] != prompt:
            raise DatasetInvalid(f"{names.id}: {identifier!r} stands for another prompt above")
        before = self.categories[place]
        if category is not None and before is not None and category != before:
            raise DatasetInvalid(
                f"{names.category}: {identifier!r} is {category!r} here, and {before!r} above"
            )
        self.categories[place] = before or category
        return place

    def _judge(self, place: int, verdict: Verdict) -> None:
        for expert in (verdict.first, verdict.second):
            self.experts.setdefault(expert, len(self.experts))
        self.verdicts.append(Judgement(place, *verdict))

    def dataset(self) -> Dataset:
        """Return what was collected."""
        scores = np.full((len(self.prompts), len(self.experts)), np.nan)
        for place, given in enumerate(self.scores):
            for expert, score in given.items():
                scores[place, self.experts[expert]] = score
        experts = tuple(self.experts)
        bias = position_bias(self.verdicts)
        return Dataset(
            ids=tuple(self.places),
            prompts=tuple(self.prompts),
            categories=tuple(self.categories),
            experts=experts,
            scores=merged(scores, self.verdicts, experts) if self.verdicts else scores,
            judged=bias.plain() if bias is not None else None,
        )


def category_id(label: str) -> str:
    """Return the id of the category that a label names: ``Computer science``: ``computer-science``.

    Raises:
        DatasetInvalid: If no letter or digit is left of it.
    """
    folded = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    slug = _NOT_IN_IDS.sub("-", folded).strip("-._")[:64].rstrip("-._")
    if not slug:
        raise DatasetInvalid(f"{label!r} cannot name a category: it has no latin letter or digit")
    return slug


def _prompt(row: Mapping[str, Any], names: Fields) -> str:
    prompt = row.get(names.prompt)
    if not isinstance(prompt, str) or not prompt.strip():
        found = "is missing" if prompt is None else "is not a text"
        raise DatasetInvalid(f"{names.prompt}: {found}")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise DatasetInvalid(f"{names.prompt}: longer than {MAX_PROMPT_CHARACTERS} characters")
    if _HALF.search(prompt):
        raise DatasetInvalid(f"{names.prompt}: holds half of a character (a lone surrogate)")
    options = row.get(names.options)
    if options is None:
        return prompt
    if not isinstance(options, list | tuple) or not all(isinstance(o, str) for o in options):
        raise DatasetInvalid(f"{names.options}: is not a list of texts")
    return "\n".join((prompt, *options))


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DatasetInvalid(f"{name}: is not a text")
    return str(value)


def _scores(row: Mapping[str, Any], names: Fields, *, long: bool) -> Iterator[tuple[str, float]]:
    if long:
        given: Iterable[tuple[Any, Any]] = [(row[names.expert], row[names.score])]
    elif row.get(names.scores) is not None:
        scores = row[names.scores]
        if not isinstance(scores, Mapping):
            raise DatasetInvalid(f"{names.scores}: is not an object of scores by expert")
        given = scores.items()
    else:
        given = [
            (name.removeprefix(_SCORE_COLUMN), value)
            for name, value in row.items()
            if name.startswith(_SCORE_COLUMN)
        ]
    for expert, score in given:
        if score is not None and score != "":
            yield str(expert), _score(str(expert), score)


def _score(expert: str, value: Any) -> float:
    try:
        score = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        score = math.nan
    if not 0.0 <= score <= 1.0:
        raise DatasetInvalid(f"score of {expert!r}: {value!r} is not a number from 0 to 1")
    return score
