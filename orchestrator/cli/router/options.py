"""Options and steps that the local commands share: reading data, sizes, progress, errors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import output

if TYPE_CHECKING:
    from router.data import Dataset
    from router.learning import Progress
    from router.prices import Price
    from router.reading import Fields

Data = Annotated[
    list[Path],
    typer.Option("--data", "-d", exists=True, dir_okay=False, help="JSONL, CSV or Parquet file."),
]
PromptField = Annotated[str, typer.Option(help="Column of the prompt.")]
CategoryField = Annotated[str, typer.Option(help="Column of the category's label.")]
OptionsField = Annotated[str, typer.Option(help="Column of the answer options.")]
ScoresField = Annotated[str, typer.Option(help="Column of the scores by expert.")]
IdField = Annotated[str, typer.Option(help="Column of the prompt's id.")]
Parameters = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="JSON file: expert to billions of active parameters. Needed for budgets.",
    ),
]
PricesFile = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        exists=True,
        dir_okay=False,
        help="JSON file: expert to its usd a request, or price_in and price_out a million tokens; "
        "latency, active_parameters, total_parameters.",
    ),
]
ArtifactDirectory = Annotated[
    Path, typer.Option("--artifact", exists=True, file_okay=False, help="What 'train' wrote.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
Seed = Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")]
Html = Annotated[Path | None, typer.Option(help="Write a report to this HTML file.")]


def fields_of(prompt: str, category: str, options: str, scores: str, identifier: str) -> Fields:
    """Return which columns are read."""
    from router.reading import Fields

    return Fields(prompt=prompt, category=category, options=options, scores=scores, id=identifier)


def read(paths: list[Path], fields: Fields) -> Dataset:
    """Read data sets, as one."""
    from router.reading import read_dataset

    return read_dataset(paths, fields)


def billions_in(path: Path | None) -> dict[str, float]:
    """Read billions of active parameters by expert.

    Raises:
        DatasetInvalid: If the file is anything else.
    """
    from router.data import DatasetInvalid

    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        billions = {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DatasetInvalid(f"{path.name}: not a JSON object of numbers by expert") from error
    wrong = [name for name, value in billions.items() if not 0 < value < 1e6]
    if wrong:
        raise DatasetInvalid(f"{path.name}: {wrong[0]}: not a number of billions")
    return billions


def prices_in(prices: Path | None, parameters: Path | None = None) -> dict[str, Price]:
    """Read what experts cost from the files of ``--prices`` and ``--active-parameters``.

    Where both name an expert's active parameters, the second goes first.

    Raises:
        DatasetInvalid: Naming file, expert and field.
    """
    # prices_in(prices: Path | None, parameters: Path | None = None) -> dict[str, router.prices.Price]
    # Price.money(prompt_tokens) -> dollars | None; Price.candidate(id) -> Candidate for a pool.
    from dataclasses import replace

    from router.data import DatasetInvalid
    from router.prices import Price, prices_from

    found: dict[str, Price] = {}
    if prices is not None:
        try:
            document = json.loads(prices.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DatasetInvalid(f"{prices.name}: not JSON ({error})") from error
        found = prices_from(document, prices.name)
    for expert, billions in billions_in(parameters).items():
        found[expert] = replace(found.get(expert, Price()), active_parameters=billions)
    return found


@contextmanager
def sentences() -> Iterator[None]:
    """End the program with one sentence where the input is at fault."""
    from router.artifact import ArtifactInvalid
    from router.data import DatasetInvalid
    from router.learning import AdditionRefused
    from router.mapping import InfeasibleBudget, SolverTimedOut
    from router.taxonomy import InvalidTaxonomy

    at_fault = (DatasetInvalid, InfeasibleBudget, InvalidTaxonomy, AdditionRefused, SolverTimedOut)

    try:
        yield
    except ArtifactInvalid as error:
        output.fail(f"This artefact cannot be used: {error}.")
    except at_fault as error:
        output.fail(f"{error}.".replace("..", "."))
    except OSError as error:
        output.fail(f"{error.filename or 'file'}: {error.strerror or error}.")


@contextmanager
def progress_bars(*, quiet: bool) -> Iterator[Progress]:
    """Yield what wraps the parts of a task in a bar, on standard error."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True, disable=quiet) as bars:

        def wrap(task: str, parts: Iterable[Any], count: int) -> Iterable[Any]:
            return bars.track(parts, total=count, description=task)

        yield wrap
