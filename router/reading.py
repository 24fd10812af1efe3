"""Reads prompts with labels and scores from files people have: JSON lines, CSV, Parquet.

Two shapes are understood. *Wide*: one row a prompt, its scores an object (``scores``) or columns
``scores.<expert>``. *Long*: one row a prompt and expert, with the columns ``expert`` and ``score``.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from router.data import Dataset, DatasetInvalid

MAX_PROMPT_CHARACTERS = 2_000_000
_SCORE_COLUMN = "scores."
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
    """

    prompt: str = "prompt"
    category: str = "category"
    options: str = "options"
    id: str = "id"
    scores: str = "scores"
    expert: str = "expert"
    score: str = "score"


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
        for number, row in enumerate(_rows(path), start=1):
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

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row."""
        names = self.fields
        long = row.get(names.expert) is not None and names.score in row
        prompt = _prompt(row, names)
        label = _text(row, names.category)
        category = None if label is None else category_id(label)
        identifier = _text(row, names.id) or (prompt if long else str(len(self.prompts) + 1))
        place = self.places.get(identifier)
        if place is None:
            place = self.places[identifier] = len(self.prompts)
            self.prompts.append(prompt)
            self.categories.append(category)
            self.scores.append({})
        elif not long:
            raise DatasetInvalid(f"{names.id}: {identifier!r} is there already")
        elif self.prompts[place] != prompt:
            raise DatasetInvalid(f"{names.id}: {identifier!r} stands for another prompt above")
        for expert, score in _scores(row, names, long=long):
            if expert in self.scores[place]:
                raise DatasetInvalid(f"{names.score}: {expert!r} is scored twice on {identifier!r}")
            self.experts.setdefault(expert, len(self.experts))
            self.scores[place][expert] = score

    def dataset(self) -> Dataset:
        """Return what was collected."""
        scores = np.full((len(self.prompts), len(self.experts)), np.nan)
        for place, given in enumerate(self.scores):
            for expert, score in given.items():
                scores[place, self.experts[expert]] = score
        return Dataset(
            ids=tuple(self.places),
            prompts=tuple(self.prompts),
            categories=tuple(self.categories),
            experts=tuple(self.experts),
            scores=scores,
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


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    name = path.name.removesuffix(".gz")
    try:
        if name.endswith((".jsonl", ".ndjson")):
            yield from _json_lines(path)
        elif name.endswith(".csv"):
            with _opened(path) as file:
                yield from csv.DictReader(file)
        elif name.endswith(".parquet"):
            yield from _parquet(path)
        else:
            raise DatasetInvalid(f"{path.name}: neither .jsonl, .csv nor .parquet")
    except UnicodeDecodeError as error:
        raise DatasetInvalid(f"{path.name}: not UTF-8 text ({error.reason})") from error
    except (OSError, EOFError, csv.Error) as error:
        raise DatasetInvalid(f"{path.name}: cannot be read ({error})") from error


def _opened(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DatasetInvalid(f"{path.name}, line {number}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise DatasetInvalid(f"{path.name}, line {number}: not an object")
            yield row


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ModuleNotFoundError as error:
        raise DatasetInvalid(
            f"{path.name}: Parquet files need the package pyarrow (the extra 'parquet')"
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                yield from batch.to_pylist()
    except ArrowInvalid as error:
        raise DatasetInvalid(f"{path.name}: not a Parquet file ({error})") from error
