"""``coe admin``: the pages in a process of their own, in front of a service elsewhere."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import httpx

from tests.e2e.admin.relay import relayed
from tests.e2e.conftest import TRUSTED_PROXY, Server

PERSON = "127.0.0.7"


async def test_pages_are_served_apart_from_the_service_and_say_whom_they_ask_for(
    server: Server,
) -> None:
    program = str(Path(sys.executable).with_name("coe"))
    async with relayed(server.url, TRUSTED_PROXY) as url:
        process = await asyncio.create_subprocess_exec(
            program, "admin", "--url", url, "--port", "0", stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            line = (await process.stdout.readline()).decode().strip()
            pages = re.findall(r"http://\S+(?=/admin$)", line)[-1]
            person = httpx.AsyncHTTPTransport(local_address=PERSON)
            invented = {"x-forwarded-for": "203.0.113.9"}
            async with httpx.AsyncClient(
                base_url=pages, timeout=30, transport=person, headers=invented
            ) as client:
                assert "Sign in" in (await client.get("/admin/login")).text
                assert (await client.get("/admin/tenants")).status_code == 303
                signed_in = await client.post("/login/key", json={"key": server.key})
                assert signed_in.status_code == 204
                assert "Tenants" in (await client.get("/admin/tenants")).text
                assert (await client.get("/v1/models")).status_code == 404
                assert (await client.get("/admin/api/keys")).status_code == 404
                not_set_up = await client.get("/login?back=/admin/tenants")
                assert not_set_up.json()["error"]["code"] == "login_not_configured"
        finally:
            process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    with server.client() as client_of_admin:
        question = "/admin/api/audit?action=sign%20in&limit=1"
        (entry,) = client_of_admin.get(question).json()["data"]
    assert entry["address"] == PERSON
