"""Writes ``docs/reference/sdk.md`` from the docstrings: ``python -m tests.docs.references``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import BaseModel

import coe_client
from coe_client import Coe, openai, types, webhooks
from coe_client.threads.group import Group
from tests.docs.blocks import ROOT

PAGE = ROOT / "docs" / "reference" / "sdk.md"
_HEAD = """# Python SDK

Written from the docstrings of `coe_client` by `python -m tests.docs.references`; do not edit by hand.
[The guide](../guides/sdk.md) shows how it is used.

`AsyncCoe` has the same members as `Coe`: what sends a request is awaited, what lists is iterated with `async for`.
"""
_SECTION = re.compile(r"^(Args|Raises|Yields|Returns):\n((?:[ ]{4}.*(?:\n|$)|\n)+)", re.MULTILINE)
_ITEM = re.compile(r"^    (\w[\w*., ]*): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_ADDRESS = re.compile(r"<[^<>]* at 0x[0-9a-f]+>")
_BUILT_IN = re.compile(r"<built-in function (\w+)>")
_CODE = re.compile(r"\n\s*::$|(?<=:):$", re.MULTILINE)
_ROLE = re.compile(r":\w+:`([^`]+)`")


def page() -> str:
    """Return the page."""
    lines = [_HEAD, "## Coe\n", f"`Coe{_signature(Coe.__init__)}`\n", *_described(Coe)]
    for name, method in _methods(Coe):
        lines += _method(f"client.{name}", method)
    for name, group in _groups():
        lines += [f"## client.{name}\n", *_described(group)]
        for method_name, method in _methods(group):
            lines += _method(f"client.{name}.{method_name}", method)
    lines.append("## Functions\n")
    for module in (webhooks, openai):
        for name, function in _functions(module):
            lines += _method(f"{module.__name__}.{name}", function)
    lines.append("## Results that are read piece by piece\n")
    for name in ("Pages", "ChatStream", "ResponseStream", "MessageStream", "RawResponse"):
        lines += _class(getattr(coe_client, name))
    lines += ["## Timeouts\n", *_described(coe_client.Timeouts)]
    lines.append("## Errors\n")
    for name in coe_client.__all__:
        if name.endswith("Error"):
            lines += [f"### {name}\n", *_described(getattr(coe_client, name))]
    lines.append("## Types\n")
    for name in sorted(types.__all__):
        lines += _type(name, getattr(types, name))
    return "\n".join(lines)


def _groups() -> Iterator[tuple[str, type[Group]]]:
    """Yield the groups of operations that a client has."""
    with Coe(base_url="http://127.0.0.1:1", api_key="sk-coe-none") as client:
        for name, group in vars(client).items():
            if isinstance(group, Group):
                yield name, type(group)


def _methods(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class, in the order of its source."""
    seen = dict.fromkeys(name for base in owner.__mro__ for name in vars(base))
    for name in seen:
        member = inspect.getattr_static(owner, name)
        if not name.startswith("_") and (
            inspect.isfunction(member) or isinstance(member, property)
        ):
            yield name, member


def _functions(module: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, member in vars(module).items():
        own = getattr(member, "__module__", "") == module.__name__
        if own and not name.startswith("_") and inspect.isfunction(member):
            yield name, member


def _class(owner: type) -> Iterator[str]:
    """Yield what a result is and has; it is not for callers to build, so its arguments are left out."""
    yield f"### {owner.__name__}\n"
    yield f"{_SECTION.sub('', _plain(inspect.getdoc(owner))).strip()}\n"
    for name, member in _methods(owner):
        summary = _plain(inspect.getdoc(member)).partition("\n\n")[0]
        call = name if isinstance(member, property) else f"{name}{_signature(member)}"
        yield f"- `{call}`: {' '.join(summary.split())}"
    yield ""


def _method(title: str, member: Any) -> Iterator[str]:
    function = member.fget if isinstance(member, property) else member
    name = title.rpartition(".")[2]
    yield f"### {title}\n"
    if isinstance(member, property):
        yield f"`{name}: {_signature(function).rpartition('-> ')[2]}`\n"
    else:
        yield f"`{name}{_signature(function)}`\n"
    yield from _described(member)


def _signature(function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    kept = [one for name, one in signature.parameters.items() if name != "self"]
    shown = str(signature.replace(parameters=kept))
    shown = _BUILT_IN.sub(r"\1", _ADDRESS.sub("...", shown.replace("'", "")))
    return " ".join(shown.split()).removesuffix(" -> None")


def _described(member: Any) -> Iterator[str]:
    """Yield a docstring as Markdown: sections of arguments become lists."""
    text = _plain(inspect.getdoc(member))
    for section in _SECTION.finditer(text):
        items = _ITEM.findall(section[2])
        rows = [f"- `{name}`: {' '.join(what.split())}" for name, what in items]
        heading = "" if section[1] == "Args" else f"\n{section[1]}:\n\n"
        listed = "\n".join(rows) or " ".join(section[2].split())
        text = text.replace(section[0], f"{heading}{listed}\n")
    yield f"{_CODE.sub('', text).strip()}\n"


def _plain(text: str | None) -> str:
    return _ROLE.sub(r"`\1`", text or "").replace("``", "`")


def _type(name: str, member: Any) -> Iterator[str]:
    yield f"### {name}\n"
    if not (inspect.isclass(member) and issubclass(member, BaseModel)):
        yield f"`{_cell(str(member).replace('typing.', ''))}`\n"
        return
    yield from _described(member)
    rows = [
        f"| `{field}` | `{_cell(_annotation(member, field))}` |" for field in member.model_fields
    ]
    if rows:
        yield "\n".join(["| field | type |", "| --- | --- |", *rows, ""])


def _annotation(model: type[BaseModel], field: str) -> str:
    """Return the annotation of a field as it is written in the class that has it."""
    for base in model.__mro__:
        written = inspect.get_annotations(base).get(field)
        if written is not None:
            return " ".join(str(written if isinstance(written, str) else _named(written)).split())
    raise LookupError(f"{model.__name__}.{field}")


def _named(annotation: Any) -> str:
    shown = annotation.__name__ if inspect.isclass(annotation) else str(annotation)
    return re.sub(r"\b(?:\w+\.)+(\w)", r"\1", shown)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
