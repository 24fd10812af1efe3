"""``coe worker``: a worker of its own, beside those that come with the service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def worker(
    runs: Annotated[
        int | None, typer.Option(min=1, help="How many runs it works on at once.")
    ] = None,
) -> None:
    """Work on runs in the background until Ctrl-C. Needs DATABASE_URL and REDIS_URL."""
    from orchestrator.kit.errors import StartError
    from orchestrator.kit.logs import configure_logging
    from orchestrator.kit.settings import load_settings

    try:
        settings = load_settings(worker_runs=runs)
        configure_logging(settings)
        from orchestrator.worker.process import work

        work(settings)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error
