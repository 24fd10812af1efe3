"""What a person is shown who could not sign in at the identity provider: the sign-in page, which says why."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse

from orchestrator.kit.errors import ApiError

_PAGE = "/admin/login"
_API = "/admin/api"

log = logging.getLogger(__name__)


def sign_in_page_after(
    error: ApiError, request: Request, back: str | None
) -> RedirectResponse | None:
    """Return the way to the sign-in page, ``None`` if the error itself is the answer.

    The page is told the error's code, not its text: what anybody may put into an address is not what it says.

    Args:
        error: Why nobody was signed in.
        request: The browser's; programs are told the error.
        back: Where the person wanted to go, a path of this service; ``None``: that is not known any more.
    """
    if "text/html" not in request.headers.get("accept", "") or not _is_page(back):
        return None
    level = logging.WARNING if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.INFO
    log.log(level, "%s (%s)", error.message, request.state.request_id)
    asked = {"problem": error.code, **({"back": back} if back else {})}
    return RedirectResponse(f"{_PAGE}?{urlencode(asked)}", 303)


def _is_page(back: str | None) -> bool:
    """Tell whether somebody came from the admin pages, as far as is known."""
    if back is None:
        return True
    path = back.partition("?")[0]
    api = path == _API or path.startswith(f"{_API}/")
    return (path == "/admin" or path.startswith("/admin/")) and not api
