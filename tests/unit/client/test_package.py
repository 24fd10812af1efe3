"""The package from outside: its names, its weight, and that both clients are alike."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import coe_client
from coe_client import AsyncCoe, Coe, async_resources, errors, resources

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
    groups = {name for name in vars(resources) if name[0].isupper() and name != "TYPE_CHECKING"}
    pairs = [(Coe, AsyncCoe)]
    for name in groups:
        kind = getattr(resources, name)
        if inspect.isclass(kind) and kind.__module__ == resources.__name__:
            pairs.append((kind, getattr(async_resources, f"Async{name}")))
    assert len(pairs) == 11
    for sync, other in pairs:
        ours, theirs = public(sync), public(other)
        assert ours.keys() == theirs.keys()
        for name, signature in ours.items():
            assert list(signature.parameters) == list(theirs[name].parameters), (sync, name)


def test_version_matches_the_distribution() -> None:
    from importlib.metadata import version

    from coe_client.transport import USER_AGENT

    assert coe_client.__version__ == version("coe-client")
    assert USER_AGENT.endswith("/" + coe_client.__version__)
