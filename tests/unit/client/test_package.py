"""The package from outside: its names, its weight, and that both clients are alike."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import coe_client
from coe_client import AsyncCoe, Coe, errors

HEAVY = ["fastapi", "sqlalchemy", "numpy", "torch", "aiohttp", "litellm", "starlette", "openai"]
HEAVY += ["yaml", "redis", "httpx2", "typer", "langgraph", "celery", "pydantic_settings", "regex"]
HEAVY += ["orchestrator", "router", "experts"]
PROBE = f"""
import sys, time
for name in {HEAVY}:
    sys.modules[name] = None
began = time.process_time()
import coe_client
took = time.process_time() - began
assert "httpx" not in sys.modules, "httpx must wait until a client is built"
assert "asyncio" not in sys.modules
coe_client.Coe(base_url="http://127.0.0.1:1").close()
coe_client.AsyncCoe(base_url="http://127.0.0.1:1")
print(took)
"""


def test_importing_is_light() -> None:
    took: list[float] = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        took.append(float(done.stdout))
    print(f"import coe_client: {min(took) * 1000:.0f} ms, best of {len(took)}")  # noqa: T201
    assert min(took) < 0.5  # it is to be 0.25 s; a busy machine takes longer, also in its own time


def test_the_packages_it_needs_are_two() -> None:
    needed = {re.split(r"[<>=!~ \[]", one)[0] for one in requires("coe-client") or ()}
    assert needed == {"httpx", "pydantic"}


def test_openai_is_asked_for_where_it_is_missing() -> None:
    program = "import sys; sys.modules['openai'] = None; import coe_client.openai"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "ImportError: coe_client.openai needs another package: pip install openai" in done.stderr


def error_names() -> set[str]:
    classes = inspect.getmembers(errors, inspect.isclass)
    return {name for name, kind in classes if issubclass(kind, Exception)}


def test_names() -> None:
    assert sorted(coe_client.__all__) == coe_client.__all__
    assert all(hasattr(coe_client, name) for name in coe_client.__all__)
    assert error_names() <= set(coe_client.__all__)


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = dict.fromkeys(re.findall(r"(\w+Error)\b", (errors.__doc__ or "").split("An error")[0]))
    assert set(drawn) == error_names()


def public(kind: type) -> dict[str, inspect.Signature]:
    members = inspect.getmembers(kind, inspect.isfunction)
    return {name: inspect.signature(value) for name, value in members if name[0] != "_"}


def groups_of(client: Coe | AsyncCoe) -> dict[str, type]:
    return {name: type(group) for name, group in vars(client).items() if name[0] != "_"}


def test_both_clients_offer_the_same() -> None:
    address = "http://127.0.0.1:1"
    ours, theirs = groups_of(Coe(base_url=address)), groups_of(AsyncCoe(base_url=address))
    assert ours.keys() == theirs.keys()
    assert len(ours) > 20
    for sync, other in [(Coe, AsyncCoe), *((ours[name], theirs[name]) for name in ours)]:
        assert other.__name__ == f"Async{sync.__name__}"
        offered, also = public(sync), public(other)
        assert offered
        assert offered.keys() == also.keys()
        for name, signature in offered.items():
            assert list(signature.parameters) == list(also[name].parameters), (sync, name)


def test_version_matches_the_distribution() -> None:
    from coe_client.transport import USER_AGENT

    assert coe_client.__version__ == version("coe-client")
    assert USER_AGENT.endswith("/" + coe_client.__version__)


def test_its_page_names_every_method() -> None:
    page = (Path(__file__).parents[3] / "client" / "README.md").read_text()
    table = page.partition("## Manage the service")[2].partition("##")[0]
    named = set(re.findall(r"`(?:client\.)?(\w+)`", table))
    client = Coe(base_url="http://127.0.0.1:1")
    offered = set(public(Coe)) | set(groups_of(client))
    offered |= {name for group in groups_of(client).values() for name in public(group)}
    assert named >= offered
    assert named - offered <= {"client"}
