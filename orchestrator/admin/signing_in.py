"""What is there before the UI's library is: the page where people sign in, and one that waits for all others."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import quote

from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

SESSION_COOKIE = "coe_session"
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
def opening_page(path: str) -> HTMLResponse:
    """Return the page that shows while the library is imported, and makes way for the one that was asked for.

    Args:
        path: Where the pages are, such as ``/admin``.
    """
    text = (STATIC / "opening.html").read_text(encoding="utf-8")
    return HTMLResponse(text.replace("{path}", path))


def sign_in_path(back: str) -> str:
    """Return the address of the page where one signs in, and comes back from to where one was."""
    return f"/admin/login?back={quote(back, safe='')}"


@cache
def static_files() -> StaticFiles:
    """Return what serves style sheets, scripts and pictures."""
    return StaticFiles(directory=STATIC)
