"""The program ``coe`` within the tests' own process: a start of Python costs more than most commands."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import typer
import typer.testing
from typer.testing import CliRunner, Result

from orchestrator.cli import build

# The runner would make all commands out of the program anew for each run, which takes a quarter of a second.
typer.testing._get_command = cache(typer.main.get_command)

_PLAIN = {"NO_COLOR": "1", "COLUMNS": "200"}


@cache
def program() -> typer.Typer:
    """Return the program with all its commands."""
    return build()


def coe(
    *arguments: object, environ: Mapping[str, str] | None = None, typed: str | bytes | None = None
) -> Result:
    """Run a command.

    Args:
        arguments: As a shell would pass them.
        environ: Variables beyond those of the tests.
        typed: Standard input.

    Raises:
        Exception: Whatever would have been a traceback on the screen.
    """
    given = {**_PLAIN, **(environ or {})}
    result = CliRunner().invoke(program(), list(map(str, arguments)), input=typed, env=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
