"""Strategies, lessons and pictures through the SDK and the commands, over the running service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coe_client import AsyncCoe, Coe, NotFoundError


def coe(server: Any, *arguments: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("coe")), *arguments],
        env={**os.environ, "COE_BASE_URL": server.url, "COE_API_KEY": server.key},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_sdk_and_the_commands(server: Any, tmp_path: Path) -> None:
    with Coe(base_url=server.url, api_key=server.key) as client:
        names = [each.name for each in client.strategies.list()]
        assert {"auto", "direct", "conductor"} <= set(names)
        made = client.strategies.assign("auto", tenant="nobody", category="general")
        assert (made.tenant, made.policy, made.category) == ("nobody", "*", "general")
        assert made.id in coe(server, "conductor", "assignments")
        assert "taken back" in coe(server, "conductor", "unassign", made.id)
        assert made.id not in {each.id for each in client.strategies.assignments()}

        second = coe(server, "conductor", "assign", "cot", "--tenant", "nobody").strip()
        client.strategies.unassign(second)
        with pytest.raises(NotFoundError):
            client.lessons.delete("les_none")
        listed = json.loads(coe(server, "lessons", "list", "--tenant", "nobody", "--json"))
        assert listed == list(client.lessons.list(tenant="nobody")) == []

        passage, schema = tmp_path / "passage.txt", tmp_path / "schema.json"
        passage.write_text("Trust the interpreter.")
        schema.write_text('{"type": "number"}')
        given = ("--context", str(passage), "--schema", str(schema), "--strategy", "direct")
        started = coe(server, "run", "What is 2 + 2?", *given, "--background").strip()
        found = client.runs.get(started)
        assert found.context == ["Trust the interpreter."]
        assert found.checks == [{"schema": {"type": "number"}}]

        run = client.runs.start("What is 17 * 23?", strategy="direct", checks=[{"regex": "391"}])
        list(client.runs.events(run.id))
        assert client.runs.get(run.id).checks == [{"regex": "391"}]
        picture = client.runs.graph(run.id)
        assert picture.startswith("flowchart TD")
        assert coe(server, "runs", "show", run.id, "--mermaid") == f"{picture}\n"


async def test_the_asynchronous_sdk(server: Any) -> None:
    async with AsyncCoe(base_url=server.url, api_key=server.key) as client:
        assert len(await client.strategies.list()) > 5
        made = await client.strategies.assign("auto", tenant="nobody", policy="quality")
        assert made.id in [each.id async for each in client.strategies.assignments()]
        await client.strategies.unassign(made.id)
        assert [each async for each in client.lessons.list(tenant="nobody")] == []
        with pytest.raises(NotFoundError):
            await client.lessons.delete("les_none")
        with pytest.raises(NotFoundError):
            await client.runs.graph(f"run_{'0' * 32}")
