"""``coe evaluate``: evidence about experts."""

from __future__ import annotations

import typer

from orchestrator.cli.evaluate.admit import admit
from orchestrator.cli.evaluate.live import live
from orchestrator.cli.evaluate.profile import profile
from orchestrator.cli.evaluate.run import run
from orchestrator.cli.evaluate.select import select

app = typer.Typer(
    no_args_is_help=True, help="Evidence about experts: scores, admission, behaviour."
)
app.command()(run)
app.command()(admit)
app.command()(profile)
app.command()(select)
app.command()(live)
