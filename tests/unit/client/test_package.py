"""The package from outside: its names, its weight, and that both clients are alike."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys

import coe_client
from coe_client import AsyncCoe, Coe, errors

HEAVY = ["fastapi", "sqlalchemy", "numpy", "torch", "aiohttp", "litellm", "starlette"]
HEAVY += ["openai", "yaml", "redis", "httpx2"]
PROBE = f"""
import sys, time
for name in {HEAVY}:
    sys.modules[name] = None
began = time.perf_counter()
import coe_client
took = time.perf_counter() - began
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
    assert min(took) < 1.0  # 0.25 s on an idle machine; the bound leaves room for a busy one


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


def test_both_clients_offer_the_same() -> None:
    pairs = [(Coe, AsyncCoe)]
    for subject in ("", "access_", "run_", "strategy_", "usage_"):
        ours = importlib.import_module(f"coe_client.{subject}resources")
        theirs = importlib.import_module(f"coe_client.async_{subject}resources")
        for name, kind in inspect.getmembers(ours, inspect.isclass):
            if kind.__module__ == ours.__name__ and name[0] != "_":
                pairs.append((kind, getattr(theirs, f"Async{name}")))
    groups = {type(group) for group in vars(Coe(base_url="http://127.0.0.1:1")).values()}
    assert {sync for sync, _ in pairs} - {Coe} <= groups
    assert len(pairs) > 14
    for sync, other in pairs:
        offered, also = public(sync), public(other)
        assert offered.keys() == also.keys()
        for name, signature in offered.items():
            assert list(signature.parameters) == list(also[name].parameters), (sync, name)


def test_version_matches_the_distribution() -> None:
    from importlib.metadata import version

    from coe_client.transport import USER_AGENT

    assert coe_client.__version__ == version("coe-client")
    assert USER_AGENT.endswith("/" + coe_client.__version__)
