"""Collects from the code every error code that the API can answer with, with its statuses."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from experts import errors as expert_errors
from orchestrator.catalogue import translation
from orchestrator.chat import errors as chat_errors
from orchestrator.routers import translation as router_translation
from tests.docs.blocks import ROOT

_ELSEWHERE = {
    "orchestrator/catalogue/translation.py": 1,
    "orchestrator/chat/errors.py": 1,
    "orchestrator/kit/http.py": 1,
    "orchestrator/routers/translation.py": 1,
}
"""Calls of ``ApiError`` whose code is computed, by file; what they compute is collected here too."""


def error_codes() -> dict[str, set[int]]:
    """Return the statuses of every code.

    Raises:
        AssertionError: If an ``ApiError`` is raised with a code that cannot be collected.
    """
    found: dict[str, set[int]] = defaultdict(set)
    computed: dict[str, int] = defaultdict(int)
    for path in sorted((ROOT / "orchestrator").rglob("*.py")):
        for status, code in _raised(path):
            if status is None or code is None:
                computed[str(path.relative_to(ROOT))] += 1
            else:
                found[code].add(status)
    assert dict(computed) == _ELSEWHERE, "an ApiError with a computed code: collect it here"
    for status, code in (*translation._STATUSES.values(), *router_translation.STATUSES.values()):
        found[code].add(status)
    for kind in _expert_errors(expert_errors.ExpertError):
        found[kind.code].add(chat_errors.api_error(kind("")).status)
    for status, code in _of_the_framework().items():
        found[code].add(status)
    return dict(found)


def _of_the_framework() -> dict[int, str]:
    """Return the codes given to errors that the web framework raises; 400 is an unreadable body."""
    source = (ROOT / "orchestrator/kit/http.py").read_text(encoding="utf-8")
    given = '{404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")'
    assert given in source, "the codes of the framework's errors have changed"
    return {404: "not_found", 405: "method_not_allowed", 400: "http_error"}


def _raised(path: Path) -> Iterator[tuple[int | None, str | None]]:
    """Yield status and code of each ``ApiError(...)``, ``None`` where they are computed."""
    source = path.read_text(encoding="utf-8")
    if "ApiError(" not in source:  # to parse takes a thousand times as long as to look
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "ApiError":
            status, code = (_constant(argument) for argument in node.args[:2])
            yield (
                status if isinstance(status, int) else None,
                code if isinstance(code, str) else None,
            )


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _expert_errors(
    kind: type[expert_errors.ExpertError],
) -> Iterator[type[expert_errors.ExpertError]]:
    if kind.__module__ == expert_errors.__name__:
        yield kind
    for below in kind.__subclasses__():
        yield from _expert_errors(below)
