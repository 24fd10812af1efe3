"""``coe``: the command line.

Every command's module is imported when the program is built, so these modules import what is
heavy inside their functions.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def build() -> typer.Typer:
    """Put the commands together."""
    import typer

    from orchestrator.cli import (
        admin,
        audit,
        batch,
        cache,
        chat,
        conductor,
        config,
        db,
        doctor,
        evaluate,
        experts,
        feedback,
        importing,
        jobs,
        keys,
        lessons,
        limits,
        models,
        residency,
        route,
        router,
        run,
        secrets,
        serve,
        tenants,
        usage,
        worker,
    )

    app = typer.Typer(
        name="coe",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="Many LLMs behind one endpoint; a router picks the expert for each request.",
    )
    app.command()(serve.serve)
    app.command()(worker.worker)
    app.command()(admin.admin)
    app.command()(doctor.doctor)
    app.command()(chat.chat)
    app.command()(route.route)
    app.command()(run.run)
    app.add_typer(run.app, name="runs")
    app.add_typer(batch.app, name="batch")
    app.add_typer(jobs.app, name="jobs")
    app.add_typer(models.app, name="models")
    app.add_typer(experts.app, name="experts")
    app.add_typer(keys.app, name="keys")
    app.add_typer(tenants.app, name="tenants")
    app.add_typer(limits.app, name="limits")
    app.add_typer(cache.app, name="cache")
    app.add_typer(secrets.app, name="secrets")
    app.add_typer(router.app, name="router")
    app.add_typer(evaluate.app, name="evaluate")
    app.add_typer(conductor.app, name="conductor")
    app.add_typer(lessons.app, name="lessons")
    app.add_typer(feedback.app, name="feedback")
    app.add_typer(residency.app, name="residency")
    app.add_typer(usage.app, name="usage")
    app.add_typer(audit.app, name="audit")
    app.add_typer(importing.app, name="import")
    app.add_typer(config.app, name="config")
    app.add_typer(db.app, name="db")
    return app


_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Run the command line."""
    # Vectors here are short: a pool of threads for them costs more than it brings, and on a busy
    # machine it costs everything. The libraries read this when they are first imported.
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    build()()
