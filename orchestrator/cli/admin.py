"""``coe admin``: the admin pages in a process of their own."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Annotated

import typer


def admin(
    url: Annotated[
        str, typer.Option(envvar="COE_BASE_URL", help="Where the service is.")
    ] = "http://127.0.0.1:8400",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks one.")] = 8401,
    trusted_proxies: Annotated[
        str,
        typer.Option(
            envvar="COE_TRUSTED_PROXIES",
            help="Addresses and networks of proxies in front of the pages, with commas between.",
        ),
    ] = "",
) -> None:
    """Serve the admin pages of a service elsewhere, until Ctrl-C.

    Pages live in one process: where several replicas are behind one address, let the balancer send /admin (but
    not /admin/api) here, and set COE_ADMIN_UI=false on the replicas. Name this process's address in their
    COE_TRUSTED_PROXIES, so that the audit log shows where people are and not where the pages are.
    """
    from orchestrator.kit.errors import StartError

    try:
        asyncio.run(_serve(url.rstrip("/"), host, port, trusted_proxies))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error


async def _serve(url: str, host: str, port: int, proxies: str) -> None:
    from orchestrator.admin.elsewhere import SignsInElsewhere
    from orchestrator.admin.mounting import PATH, AdminPages
    from orchestrator.kit.errors import StartError
    from orchestrator.kit.forwarded import ClientAddress
    from orchestrator.kit.listening import Listening

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with SignsInElsewhere(url) as others, AdminPages(others, lambda: url) as pages:
        try:
            told = ClientAddress(pages, proxies)
        except ValueError as error:
            raise StartError(f"--trusted-proxies (COE_TRUSTED_PROXIES): {error}.") from error
        listening = Listening(told, host, port, websockets=True)
        async with listening:
            sys.stdout.write(f"The admin pages of {url} are at {listening.url}{PATH}\n")
            sys.stdout.flush()
            await stop.wait()
