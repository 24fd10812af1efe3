"""The page where people sign in: plain HTML, there before anything else is loaded."""

from __future__ import annotations

from pathlib import Path

from nicegui import app as pages
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from orchestrator.admin.mounting import PATH
from orchestrator.admin.session import Door

_PAGE = Path(__file__).parent / "static" / "sign-in.html"


def add_sign_in(door: Door) -> None:
    """Register the page.

    Args:
        door: Finds out whether somebody is signed in already.
    """
    text = _PAGE.read_text(encoding="utf-8").replace("{path}", PATH)

    async def show(request: Request) -> Response:
        if await door.view(request) is not None:
            return RedirectResponse(safe_back(request.query_params.get("back", "")), 303)
        return HTMLResponse(text)

    pages.add_route("/login", show, include_in_schema=False)


def safe_back(path: str) -> str:
    """Return where to go after signing in: a page of the UI, and no other site."""
    inside = path == PATH or path.startswith((f"{PATH}/", f"{PATH}?"))
    return path if inside and "//" not in path.split("?")[0] and "\\" not in path else PATH
