"""``coe router``: learn a router and measure it, locally; put it in service, with a server."""

import typer

from orchestrator.cli.router import add, evaluate, train, versions

app = typer.Typer(no_args_is_help=True, help="Router versions: learn, compare, put in service.")
app.command()(train.train)
app.command("add-category")(add.add_category)
app.command()(evaluate.evaluate)
app.command()(evaluate.compare)
app.add_typer(versions.app)
