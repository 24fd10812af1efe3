"""Writes ``docs/reference/cli.md`` from the command line itself: ``python -m tests.docs.references``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.docs.blocks import ROOT
from tests.docs.checks import command_tree

PAGE = ROOT / "docs" / "reference" / "cli.md"
_HEAD = """# Command line

Written from the program by `python -m tests.docs.references`; do not edit by hand.

Commands that talk to the service find it by `--url`, `COE_BASE_URL`, or the `server.json` that a running
service leaves in its data directory. The key is `--key`, `COE_API_KEY`, or the admin key in the data
directory, which is sent to this machine only. Results go to standard output, remarks and failures to
standard error. The exit code is 0, or 1 if it failed, or 2 if the command line is wrong.
"""
_CONNECTION = {"--url", "--key", "--json"}


def page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_group("coe", command_tree())])


def _group(name: str, group: Any) -> Iterator[str]:
    for word, command in group.commands.items():
        full = f"{name} {word}"
        if hasattr(command, "commands"):
            yield from _group(full, command)
        else:
            yield from _command(full, command)


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    shared = {name for p in options for name in p.opts} & _CONNECTION
    metavars = "".join(f" {_metavar(p)}" for p in arguments)
    yield f"## {name}\n"
    yield f"`{name}{metavars}`: {_text(command.help)}\n"
    rows = [f"| `{_metavar(p)}` | {_text(p.help)} |" for p in arguments]
    rows += [
        f"| `{', '.join(p.opts)}` | {_text(p.help)}{_default(p)} |"
        for p in options
        if not (len(shared) > 1 and shared & set(p.opts)) and "--help" not in p.opts
    ]
    if rows:
        yield "\n".join(["| argument or option | what it is for |", "| --- | --- |", *rows, ""])
    if len(shared) > 1:
        yield f"Also {', '.join(f'`{option}`' for option in sorted(shared, reverse=True))}.\n"


def _metavar(parameter: Any) -> str:
    shown = parameter.metavar or parameter.name.upper()
    return shown if parameter.required else f"[{shown}]"


def _default(parameter: Any) -> str:
    value = parameter.default
    if value is None or isinstance(value, bool) or callable(value):
        return ""
    return f" Default: `{getattr(value, 'value', value)}`."


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
