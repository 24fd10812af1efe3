"""Options that the commands of ``coe evaluate`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Prompts = Annotated[
    Path,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="JSON lines: prompt, and as known category, target, grader, options.",
    ),
]
Catalogue = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        metavar="FILE",
        help="Catalogue file, as 'coe experts apply' reads. Default: the service's catalogue.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        file_okay=False,
        help="Directory for every answer and the results. Where it is there, it is gone on with.",
    ),
]
MaxTokens = Annotated[int, typer.Option(min=1, help="Tokens of one answer at most.")]
Temperature = Annotated[
    float | None, typer.Option(min=0, max=2, help="Passed on to experts. Default: their own.")
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Passed on to experts, one more for each repeat.")
]
MaxUsd = Annotated[
    float | None,
    typer.Option(min=0, help="US dollars at most, with what the directory has cost before."),
]
AtOnce = Annotated[int, typer.Option(min=1, max=256, help="Questions under way at a time.")]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds for one answer.")]
Through = Annotated[
    bool,
    typer.Option(
        "--through-service",
        help="Ask through the running service, which holds the keys, and not from here.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and ask nobody.")]
Form = Annotated[
    bool, typer.Option(help="Ask in every prompt for the answer in a line of its own.")
]
