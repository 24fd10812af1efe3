"""All pages as one application, and its life."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Self

import httpx
from fastapi import FastAPI
from nicegui import app as pages
from nicegui import ui
from starlette.types import ASGIApp

from orchestrator.admin.contents import PAGES
from orchestrator.admin.frame import add_missing, add_page
from orchestrator.admin.mounting import PATH
from orchestrator.admin.session import Door
from orchestrator.admin.signing_in import STATIC

_CONNECTIONS = httpx.Limits(max_connections=200, max_keepalive_connections=20)


class Site:
    """The UI, open; there is one in a process, since NiceGUI keeps its pages in module globals.

    Args:
        app: Serves the pages; their paths begin with ``/admin``.
        stack: What is closed with it.
    """

    def __init__(self, app: ASGIApp, stack: AsyncExitStack) -> None:
        self.app = app
        self._stack = stack

    @classmethod
    async def open(cls, api: str, proof: Mapping[str, str] | None = None) -> Self:
        """Register the pages and begin to serve them.

        Args:
            api: Address of the API.
            proof: Headers by which the API believes for whom it is asked.
        """
        async with AsyncExitStack() as stack:
            http = httpx.AsyncClient(trust_env=False, limits=_CONNECTIONS, timeout=60.0)
            await stack.enter_async_context(http)
            door = Door(api, http, proof)
            for page in PAGES:
                add_page(page, door)
            add_missing(door)
            # A bar that shows whenever the browser fetches anything tells nobody anything.
            pages.config.quasar_config["loadingBar"]["skipHijack"] = True
            host = FastAPI(openapi_url=None)
            ui.run_with(
                host,
                mount_path=PATH,
                title="Composition of Experts",
                favicon=STATIC / "icon.svg",
                dark=None,
                language="en-US",
                tailwind=False,
                show_welcome_message=False,
                reconnect_timeout=20.0,
                binding_refresh_interval=None,
            )
            await stack.enter_async_context(host.router.lifespan_context(host))
            return cls(host, stack.pop_all())

    async def close(self) -> None:
        """Let the pages go."""
        await self._stack.aclose()
