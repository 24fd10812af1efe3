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
    """Work beside the service until Ctrl-C: runs in the background, jobs, and what is scheduled.

    Jobs are batches, exports, trainings (each in a process of its own) and evaluations. What is
    scheduled (coe jobs schedule) is done by one process at a time. Webhooks are sent from here, too.
    Workers may be as many as wanted, on any machine, and may be killed: others take up what they had.
    Needs DATABASE_URL, REDIS_URL and, for stored keys of experts, COE_SECRET_KEY, as the service has them.
    """
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
