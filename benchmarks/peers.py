"""The peers' environment, and the litellm proxy run from it.

The environment is made by ``make bench-peers`` from ``requirements/peers.txt``. The proxy is given its best case: one
worker as the service has, one model, a master key, no database, no log of its own, nothing it could reach outside.
"""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

ENVIRONMENT = Path(__file__).resolve().parents[1] / ".bench-peers"
MISSING = "the peers are not installed: make bench-peers"
_KEY = "sk-peer"
HEADERS = {"authorization": f"Bearer {_KEY}"}
_START_SECONDS = 120.0
_NOWHERE = "http://127.0.0.1:9"
_QUIET = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_TELEMETRY": "False",
    "LITELLM_LOG": "ERROR",
    "LITELLM_MODE": "PRODUCTION",
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "HTTP_PROXY": _NOWHERE,
    "HTTPS_PROXY": _NOWHERE,
    "NO_PROXY": "127.0.0.1,localhost",
}


def python() -> Path | None:
    """Return the interpreter of the peers' environment; ``None`` where there is none."""
    found = ENVIRONMENT / "bin" / "python"
    return found if (ENVIRONMENT / ".ready").exists() else None


def quiet() -> dict[str, str]:
    """Return an environment in which a peer reaches nothing but this machine, and knows no vendor's key."""
    kept = {k: v for k, v in os.environ.items() if not k.endswith(("_API_KEY", "_URL", "_TOKEN"))}
    return {**kept, **_QUIET}


def version(package: str) -> str:
    """Return the version of a package in the peers' environment."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([str(python()), "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def litellm_proxy(directory: Path, port: int, expert: str) -> Iterator[int]:
    """Run the litellm proxy before an expert; yield its process id once it answers.

    Args:
        directory: Where its configuration and its log are put.
        port: Where it listens.
        expert: The expert's URL.

    Raises:
        RuntimeError: If it does not start; has its log.
    """
    model = {"model": "openai/stub", "api_base": f"{expert}/v1", "api_key": "none"}
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    config = {
        "model_list": [{"model_name": "coe", "litellm_params": {**model, **prices}}],
        "litellm_settings": {"telemetry": False},
        "general_settings": {"master_key": _KEY},
    }
    file = directory / "litellm.yaml"
    file.write_text(yaml.safe_dump(config))
    command = [str(ENVIRONMENT / "bin" / "litellm"), "--config", str(file)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    command += ["--telemetry", "False"]
    place = directory / "litellm.log"
    with place.open("wb") as log:
        process = subprocess.Popen(
            command, env=quiet(), cwd=directory, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _alive(f"http://127.0.0.1:{port}/health/liveliness"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(place.read_text(errors="replace")[-4000:])
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 (this machine's)
            return bool(answer.status == 200)
    except OSError:
        return False
