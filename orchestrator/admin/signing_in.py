"""The page where people sign in: plain HTML, there before anything else is loaded."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"


@cache
def sign_in_page(path: str) -> HTMLResponse:
    """Return the page.

    Args:
        path: Where the pages are, such as ``/admin``.
    """
    text = (STATIC / "sign-in.html").read_text(encoding="utf-8")
    return HTMLResponse(text.replace("{path}", path))


@cache
def static_files() -> StaticFiles:
    """Return what serves style sheets, scripts and pictures."""
    return StaticFiles(directory=STATIC)
