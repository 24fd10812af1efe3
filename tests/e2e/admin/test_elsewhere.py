"""``coe admin``: the pages in a process of their own, in front of a service elsewhere."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.e2e.conftest import Server


def test_pages_are_served_apart_from_the_service(server: Server) -> None:
    program = str(Path(sys.executable).with_name("coe"))
    command = [program, "admin", "--url", server.url, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = re.findall(r"http://\S+(?=/admin$)", process.stdout.readline().strip())[-1]
            with httpx.Client(base_url=url, timeout=30) as client:
                assert "Sign in" in client.get("/admin/login").text
                assert client.get("/admin/tenants").status_code == 303
                signed_in = client.post("/login/key", json={"key": server.key})
                assert signed_in.status_code == 204
                assert "Tenants" in client.get("/admin/tenants").text
                assert client.get("/v1/models").status_code == 404
                assert client.get("/admin/api/keys").status_code == 404
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
